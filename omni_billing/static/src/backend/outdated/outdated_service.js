import { registry } from "@web/core/registry";
import { session } from "@web/session";

/** Says why screens fail, when the code is newer than the database. */
export const outdatedService = {
    dependencies: ["notification"],
    start(env, { notification }) {
        if (session.omni_billing_outdated) {
            notification.add(session.omni_billing_outdated, { type: "danger", sticky: true });
        }
    },
};

registry.category("services").add("omni_billing_outdated", outdatedService);
