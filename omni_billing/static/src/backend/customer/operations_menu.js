import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { pick } from "@web/core/utils/objects";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onWillStart } from "@odoo/owl";

/** All that can be done with the account of a customer, in one menu (F26). */
export class OperationsMenu extends Component {
    static template = "omni_billing.OperationsMenu";
    static components = { Dropdown, DropdownItem };
    static props = { ...standardWidgetProps };

    setup() {
        onWillStart(async () => {
            this.isManager = await user.hasGroup("omni_billing.omni_billing_group_manager");
        });
    }

    get operations() {
        const refund = { name: "action_billing_refund_credit", label: _t("Record a Refund") };
        return [
            {
                name: "action_billing_add_transaction",
                label: _t("Create a Credit"),
                context: { billing_transaction_type: "credit" },
            },
            ...(this.isManager ? [refund] : []),
            { name: "action_billing_proforma", label: _t("Create an Invoice") },
            { name: "action_billing_pay_all", label: _t("Make a Payment") },
            { name: "action_billing_reconcile", label: _t("Reconcile the Account") },
        ];
    }

    run({ name, context }) {
        const { record } = this.props;
        return this.env.onClickViewButton({
            clickParams: { type: "object", name, context },
            getResParams: () =>
                pick(record, "context", "evalContext", "resModel", "resId", "resIds"),
        });
    }
}

registry.category("view_widgets").add("omni_billing_operations", { component: OperationsMenu });
