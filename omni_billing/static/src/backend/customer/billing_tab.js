import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { getDefaultConfig, View } from "@web/views/view";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, useSubEnv } from "@odoo/owl";

/** What a payment, a void or a new charge changes. */
const BALANCES = [
    "billing_unbilled_amount",
    "billing_due_amount",
    "billing_paid_amount",
    "billing_credit_amount",
    "billing_credit_elsewhere_amount",
];
/** Rows of a list on the tab; the pager shows the rest. */
const LIMIT = 10;

/**
 * A real list on the customer's page: its own search, filters, sort and pager. Only the
 * rows of one page are read, however many the customer has.
 */
export class BillingTabList extends Component {
    static template = "omni_billing.BillingTabList";
    static components = { View };
    static props = { ...standardWidgetProps, model: String, listRef: String, kanbanRef: String, searchRef: String, ofOthers: Boolean };

    setup() {
        // Three lists on a page: none of them takes the focus, nor the page's title.
        useSubEnv({
            config: { ...getDefaultConfig(), disableSearchBarAutofocus: true },
            checkBillingCustomer: () => this.checkCustomer(),
        });
        this.orm = useService("orm");
    }

    /** What was done in a row may have changed the balances, and the other list. */
    async checkCustomer() {
        const { record } = this.props;
        if (await record.isDirty()) {
            return;
        }
        const [now] = await this.orm.silent.read("res.partner", [record.resId], BALANCES);
        if (BALANCES.some((name) => now[name] !== record.data[name])) {
            await record.model.load();
        }
    }

    get customerId() {
        const customer = this.props.record.data.commercial_partner_id;
        return customer ? customer.id : this.props.record.resId;
    }

    get viewProps() {
        const isMove = this.props.model === "account.move";
        return {
            type: this.env.isSmall ? "kanban" : "list",
            resModel: this.props.model,
            domain: [
                [this.props.ofOthers ? "participant_id" : "commercial_partner_id", "=", this.customerId],
                ...(isMove ? [["move_type", "in", ["out_invoice", "out_refund"]]] : []),
            ],
            context: {
                billing_hide_partner: true,
                billing_paid_by_others: this.props.ofOthers,
                billing_pays_for_others: Boolean(this.props.record.data.billing_is_payer),
                default_partner_id: this.props.record.resId,
                list_view_ref: this.props.listRef,
                kanban_view_ref: this.props.kanbanRef,
                search_view_ref: this.props.searchRef,
            },
            display: { searchPanel: false, controlPanel: { layoutActions: false } },
            loadIrFilters: true,
            searchViewId: false,
            // Rows that are made up would be taken for the customer's.
            useSampleModel: false,
            noContentHelp: isMove
                ? _t("No invoice to show. Generate one from what is unbilled.")
                : _t("No transaction to show. Add one, or a service that charges by itself."),
            noBreadcrumbs: true,
            showButtons: false,
            allowSelectors: true,
            limit: LIMIT,
            className: "o_billing_tab_list",
        };
    }
}

registry.category("view_widgets").add("omni_billing_tab_list", {
    component: BillingTabList,
    extractProps: ({ attrs }) => ({
        model: attrs.model,
        listRef: attrs.list_ref,
        kanbanRef: attrs.kanban_ref,
        searchRef: attrs.search_ref,
        ofOthers: Boolean(attrs.of_others),
    }),
    fieldDependencies: [
        { name: "commercial_partner_id", type: "many2one", relation: "res.partner" },
    ],
});
