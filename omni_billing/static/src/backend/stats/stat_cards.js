import { formatPercentage } from "@web/views/fields/formatters";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";

import { Component, onMounted, onWillUpdateProps, useState } from "@odoo/owl";

import { formatCompactAmount } from "./compact_amount";

const ARROWS = { up: "fa-arrow-up", down: "fa-arrow-down", level: "fa-arrow-right" };
const COLORS = { up: "text-success", down: "text-danger", level: "o_billing_muted" };

/**
 * Cards above a list. They load beside the list and never hold it up, follow its
 * customer, and are read again whenever the list is. A click applies the card's filter.
 */
export class StatCards extends Component {
    static template = "omni_billing.StatCards";
    static props = { list: Object, rows: Array };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ cards: [], note: "", currencyId: false });
        const reload = useDebounced(() => {
            this.env.checkBillingCustomer?.();
            return this.load();
        }, 150);
        onMounted(() => this.load());
        // Whatever reads the list again brings new rows: a search, or an action's end.
        onWillUpdateProps((next) => {
            if (next.rows !== this.props.rows) {
                reload();
            }
        });
    }

    async load() {
        const { resModel, domain } = this.props.list;
        const stats = await this.orm.silent.call(resModel, "billing_retrieve_stats", [domain]);
        this.state.cards = stats.cards;
        this.state.note = stats.note;
        this.state.currencyId = stats.currency_id;
    }

    amount(card) {
        return formatCompactAmount(card.amount, this.state.currencyId);
    }

    arrow(trend) {
        return `${ARROWS[trend.direction]} ${COLORS[trend.direction]}`;
    }

    trendText(trend) {
        if (trend.percent === null) {
            return _t("new");
        }
        const sign = trend.percent > 0 ? "+" : "";
        return sign + formatPercentage(trend.percent / 100);
    }

    get searchItems() {
        const names = this.state.cards.map((card) => card.filter).filter(Boolean);
        return this.env.searchModel.getSearchItems((item) => names.includes(item.name));
    }

    isActive(card) {
        return this.searchItems.some((item) => item.name === card.filter && item.isActive);
    }

    select(card) {
        const { searchModel } = this.env;
        for (const item of this.searchItems) {
            if (item.isActive !== (item.name === card.filter) || item.name === card.filter) {
                searchModel.toggleSearchItem(item.id);
            }
        }
    }
}
