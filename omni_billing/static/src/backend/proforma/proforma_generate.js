import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { ViewButton } from "@web/views/view_button/view_button";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component } from "@odoo/owl";

import { ProformaSelection } from "./proforma_preview";

/** The button that bills: it says how many, and is disabled with a reason. */
export class ProformaGenerate extends Component {
    static template = "omni_billing.ProformaGenerate";
    static components = { ViewButton };
    static props = { ...standardWidgetProps };

    get state() {
        const selection = new ProformaSelection(this.props.record);
        const { count } = selection;
        const blocker = this.props.record.data.blocker;
        const isRefund = count && selection.computeTotals().total < 0;
        return {
            label: isRefund
                ? _t("Generate Credit Note (%(count)s)", { count })
                : _t("Generate Invoice (%(count)s)", { count }),
            disabled: Boolean(blocker) || !count,
            reason:
                blocker || (count ? "" : _t("Include at least one transaction.")),
        };
    }
}

registry.category("view_widgets").add("omni_proforma_generate", {
    component: ProformaGenerate,
    fieldDependencies: [{ name: "blocker", type: "char" }],
});
