import { registry } from "@web/core/registry";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

import { StatCards } from "./stat_cards";

export class BillingListRenderer extends ListRenderer {
    static template = "omni_billing.ListRenderer";
    static components = { ...ListRenderer.components, StatCards };
}

registry.category("views").add("omni_billing_list", {
    ...listView,
    Renderer: BillingListRenderer,
});
