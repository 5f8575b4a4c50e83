import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { registry } from "@web/core/registry";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, useRef, xml } from "@odoo/owl";

/** B opens the billing tab of a customer, wherever the focus is but in a text (F5). */
export class BillingHotkey extends Component {
    static template = xml`<span t-ref="root" class="d-none"/>`;
    static props = { ...standardWidgetProps };

    setup() {
        const root = useRef("root");
        useHotkey("b", () => {
            const form = root.el.closest(".o_form_renderer, .o_form_view");
            form?.querySelector('.o_notebook_headers a[name="omni_billing"]')?.click();
        });
    }
}

registry.category("view_widgets").add("omni_billing_hotkey", { component: BillingHotkey });
