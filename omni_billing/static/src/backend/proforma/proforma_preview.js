import { accountTaxHelpers } from "@account/helpers/account_tax";
import { formatDate, deserializeDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { roundPrecision } from "@web/core/utils/numbers";
import { formatPercentage } from "@web/views/fields/formatters";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

import { Component, useRef } from "@odoo/owl";

import { formatAmount } from "../amounts/amounts";

/**
 * What the preview knows, as the server wrote it (see `_compute_preview`), and the
 * totals of what is included. Odoo's own tax engine, in its JavaScript form, computes
 * them as it will compute the invoice: at once, and to the cent.
 */
export class ProformaSelection {
    constructor(record) {
        this.preview = record.data.preview || { lines: [] };
        this.lines = this.preview.lines;
        this.excluded = new Set(record.data.excluded_ids || []);
    }

    get included() {
        return this.lines.filter((line) => !this.excluded.has(line.id));
    }

    get count() {
        return this.included.length;
    }

    computeTotals() {
        const totals = { untaxed: 0, tax: 0, total: 0 };
        const { company, currency } = this.preview;
        if (!company) {
            return totals;
        }
        const baseLines = this.included.map((line) =>
            accountTaxHelpers.prepare_base_line_for_taxes_computation(
                {},
                {
                    price_unit: line.price_unit,
                    quantity: line.quantity,
                    tax_ids: line.tax_ids.map((id) => this.preview.taxes[id]),
                    extra_tax_data: line.extra_tax_data,
                    currency_id: currency,
                    rate: 1,
                }
            )
        );
        accountTaxHelpers.add_tax_details_in_base_lines(baseLines, company);
        accountTaxHelpers.round_base_lines_tax_details(baseLines, company);
        for (const { tax_details: details } of baseLines) {
            totals.untaxed +=
                details.total_excluded_currency + details.delta_total_excluded_currency;
            for (const tax of details.taxes_data) {
                totals.tax += tax.tax_amount_currency;
            }
        }
        totals.untaxed = roundPrecision(totals.untaxed, currency.rounding);
        totals.tax = roundPrecision(totals.tax, currency.rounding);
        totals.total = roundPrecision(totals.untaxed + totals.tax, currency.rounding);
        return totals;
    }
}

/** One transaction, in or out. */
export class ProformaRow extends Component {
    static template = "omni_billing.ProformaRow";
    static props = { line: Object, included: Boolean, currencyId: Number, onToggle: Function };

    get date() {
        return formatDate(deserializeDate(this.props.line.date));
    }

    format(amount) {
        return formatAmount(amount, { currencyId: this.props.currencyId });
    }

    get tax() {
        const { tax_amount: amount, tax_percentage: percentage } = this.props.line;
        if (!amount) {
            return "-";
        }
        return `${this.format(amount)} (${formatPercentage(percentage / 100)})`;
    }

    get hint() {
        return this.props.included
            ? _t("On the invoice. Click to take it out.")
            : _t("Not on the invoice. Click to put it back.");
    }
}

/** The transactions of the period, each with its toggle, and what they come to. */
export class ProformaPreview extends Component {
    static template = "omni_billing.ProformaPreview";
    static components = { ProformaRow };
    static props = { ...standardFieldProps };

    setup() {
        this.table = useRef("table");
        this.toggle = this.toggle.bind(this);
    }

    get selection() {
        return new ProformaSelection(this.props.record);
    }

    format(amount) {
        return formatAmount(amount, { currencyId: this.props.record.data.currency_id.id });
    }

    /** What is owed in the currency of the invoice; other currencies are not added up. */
    get hasBalance() {
        return typeof this.selection.preview.balance === "number";
    }

    exclude(ids) {
        return this.props.record.update({ excluded_ids: ids });
    }

    toggle(id) {
        const excluded = new Set(this.props.record.data.excluded_ids || []);
        if (!excluded.delete(id)) {
            excluded.add(id);
        }
        return this.exclude([...excluded]);
    }

    selectAll() {
        return this.exclude([]);
    }

    clearAll() {
        return this.exclude(this.selection.lines.map((line) => line.id));
    }

    countText(count) {
        // French counts nothing in the singular: "0 transaction".
        const plural = new Intl.PluralRules((user.lang || "en-US").replace("_", "-"));
        return plural.select(count) === "one"
            ? _t("%(count)s transaction selected", { count })
            : _t("%(count)s transactions selected", { count });
    }

    /** Arrows move between rows; space and Enter toggle, as on any button. */
    onKeydown(ev) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[ev.key];
        if (!step) {
            return;
        }
        const buttons = [...this.table.el.querySelectorAll(".o_proforma_toggle")];
        const next = buttons[buttons.indexOf(document.activeElement) + step];
        if (next) {
            ev.preventDefault();
            next.focus();
        }
    }
}

registry.category("fields").add("omni_proforma_preview", {
    component: ProformaPreview,
    displayName: _t("Proforma preview"),
    supportedTypes: ["json"],
    fieldDependencies: [
        { name: "excluded_ids", type: "json" },
        { name: "currency_id", type: "many2one", relation: "res.currency" },
    ],
});
