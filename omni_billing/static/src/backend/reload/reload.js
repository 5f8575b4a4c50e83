import { registry } from "@web/core/registry";

/**
 * Show anew what is on the screen: the list, and the dialog over it in which somebody
 * pressed the button. Odoo's `soft_reload` leaves the dialog as it was.
 */
export async function reload(env, action, options) {
    const { currentController, restore } = env.services.action;
    if (currentController) {
        await restore(currentController.jsId);
    }
    await options.onClose?.();
}

registry.category("actions").add("omni_billing_reload", reload);
