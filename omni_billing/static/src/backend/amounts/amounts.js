import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { formatMonetary } from "@web/views/fields/formatters";
import { MonetaryField, monetaryField } from "@web/views/fields/monetary/monetary_field";
import { RelationalModel } from "@web/model/relational_model/relational_model";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

/** What Odoo writes "$ -10.00": "-$ 10.00", as the server does (tools/numbers.py). */
export function putSignFirst(text) {
    return typeof text === "string" ? text.replace(/^([^\d\s-]+\s*)-(?=\d)/, "-$1") : text;
}

export function formatAmount(amount, options) {
    return putSignFirst(formatMonetary(amount, options));
}

formatAmount.extractOptions = formatMonetary.extractOptions;
// Sums of columns that have the widget.
registry.category("formatters").add("omni_billing_amount", formatAmount);

/** Decimals of a unit price (tools/unit_price.py); of a double some 15 digits can be told. */
const PRICE_DECIMALS = 8;
const DIGITS = 15;

/** An amount whose sign, if it has one, comes first. */
export class AmountField extends MonetaryField {
    /** Of a price all decimals: Odoo shows 6, so that 0.00003751 would be 0.000038. */
    get currencyDigits() {
        const digits = super.currencyDigits;
        if (!this.props.useFieldDigits || digits) {
            return digits;
        }
        const whole = Math.trunc(Math.abs(this.value || 0)).toString().length;
        return [DIGITS, Math.max(0, Math.min(PRICE_DECIMALS, DIGITS - whole))];
    }

    get formattedValue() {
        return putSignFirst(super.formattedValue);
    }
}

registry.category("fields").add("omni_billing_amount", {
    ...monetaryField,
    component: AmountField,
});

/** Whether a row is void, in lists that show where rows stand. */
function isVoid({ data }) {
    return [data.billing_state, data.state].includes("void");
}

/** Has the server leave void rows out of the sums of groups, and say how many. */
export class SumsModel extends RelationalModel {
    voidLeftOut = 0;

    _webReadGroup(config, cache) {
        const context = { ...config.context, billing_sums: true };
        return super._webReadGroup({ ...config, context }, cache);
    }

    async _postprocessReadGroup(config, response) {
        this.voidLeftOut = response.billing_void || 0;
        return super._postprocessReadGroup(config, response);
    }
}

/**
 * A list whose foot says what it sums up: the rows that are ticked, those of the page, or
 * of all groups, without void ones, unless all are void.
 */
export class SumsRenderer extends ListRenderer {
    static template = "omni_billing.SumsRenderer";

    /** The rows that the foot is about. */
    get summedRows() {
        const { isGrouped, records, selection } = this.props.list;
        const rows = selection.length || isGrouped ? selection : records;
        const valid = rows.filter((row) => !isVoid(row));
        return { rows: valid.length ? valid : rows, apart: valid.length ? rows.length - valid.length : 0 };
    }

    computeAggregates() {
        const { rows, apart } = this.summedRows;
        if (!apart) {
            return super.computeAggregates();
        }
        // Odoo's own sum, of these rows.
        const list = Object.create(this.props.list, {
            records: { value: rows },
            selection: { value: [] },
            isGrouped: { value: false },
        });
        const renderer = Object.create(this, { props: { value: { ...this.props, list } } });
        return super.computeAggregates.call(renderer);
    }

    get sumNote() {
        const { list } = this.props;
        if (!Object.values(this.aggregates).some((sum) => sum.value)) {
            return "";
        }
        const { rows, apart: ofPage } = this.summedRows;
        const count = rows.length;
        const isOfGroups = list.isGrouped && !list.selection.length;
        const apart = isOfGroups ? list.model.voidLeftOut : ofPage;
        let note = _t("All %(count)s", { count });
        if (isOfGroups) {
            note = _t("All groups");
        } else if (list.selection.length) {
            note = _t("%(count)s selected", { count });
        } else if (list.count > list.records.length) {
            note = _t("%(count)s on this page, of %(all)s", { count, all: list.count });
        }
        const leftOut = _t("(%(count)s void left out)", { count: apart });
        return apart ? `${note} ${leftOut}` : note;
    }

    getFormattedValue(column, record) {
        return putSignFirst(super.getFormattedValue(column, record));
    }

    formatGroupAggregate(group, column) {
        const aggregate = super.formatGroupAggregate(group, column);
        return { ...aggregate, value: putSignFirst(aggregate.value) };
    }

    putSignFirst(text) {
        return putSignFirst(text);
    }
}

registry.category("views").add("omni_billing_sums", {
    ...listView,
    Model: SumsModel,
    Renderer: SumsRenderer,
});
