import { browser } from "@web/core/browser/browser";
import { usePopover } from "@web/core/popover/popover_hook";
import { registry } from "@web/core/registry";
import { pick } from "@web/core/utils/objects";
import { KanbanRenderer } from "@web/views/kanban/kanban_renderer";
import { kanbanView } from "@web/views/kanban/kanban_view";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";

import { Component, useEffect, useRef } from "@odoo/owl";

import { SumsModel, SumsRenderer } from "../amounts/amounts";

import { StatCards } from "./stat_cards";

/** Rows of a page, as the user chose last, on the billing tab and elsewhere (F77). */
const PAGE_SIZES = [10, 25, 50, 100];

function pageSizeKey(context) {
    return `omni_billing.page_size.${context.billing_hide_partner ? "tab" : "list"}`;
}

/** The actions of a row, by name, where the pointer is. */
export class RowMenu extends Component {
    static template = "omni_billing.RowMenu";
    static props = { items: Array, close: Function };

    setup() {
        const menu = useRef("menu");
        useEffect(
            (element) => element.querySelector("button").focus(),
            () => [menu.el]
        );
    }

    select(item) {
        this.props.close();
        item.run();
    }

    onKeydown(ev) {
        const step = { ArrowDown: 1, ArrowUp: -1 }[ev.key];
        if (step) {
            const buttons = [...ev.currentTarget.querySelectorAll("button")];
            const next = buttons.indexOf(document.activeElement) + step;
            buttons.at(next % buttons.length).focus();
            ev.preventDefault();
        }
    }
}

/** A list with cards above, and the actions of a row in a menu on right click (F7). */
export class BillingListRenderer extends SumsRenderer {
    static template = "omni_billing.ListRenderer";
    static recordRowTemplate = "omni_billing.ListRenderer.RecordRow";
    static components = { ...SumsRenderer.components, StatCards };

    setup() {
        super.setup();
        this.rowMenu = usePopover(RowMenu, {
            position: "bottom-start",
            arrow: false,
            onClose: () => this.rowMenuTarget?.focus(),
        });
    }

    rowButtons(record) {
        // Those of columns that the list has no room for are meant too.
        return this.props.archInfo.columns
            .flatMap((column) => (column.type === "button_group" ? column.buttons : []))
            .filter((button) => !this.evalInvisible(button.attrs.invisible, record));
    }

    onRowContextMenu(record, ev) {
        if (this.rowButtons(record).length) {
            ev.preventDefault();
            this.openRowMenu(record, ev.target.closest("td"));
        }
    }

    openRowMenu(record, target) {
        const items = this.rowButtons(record).map((button) => ({
            id: button.id,
            label: button.title || button.string,
            icon: button.icon,
            run: () =>
                this.env.onClickViewButton({
                    clickParams: button.clickParams,
                    getResParams: () =>
                        pick(record, "context", "evalContext", "resModel", "resId", "resIds"),
                }),
        }));
        this.rowMenuTarget = target;
        this.rowMenu.open(target, { items });
    }
}

/** A list whose pages are as long as the user wants. */
export class BillingListController extends ListController {
    static template = "omni_billing.ListView";

    setup() {
        this.pageSizes = PAGE_SIZES;
        super.setup();
    }

    get modelParams() {
        const params = super.modelParams;
        const { context, limit } = this.props;
        const stored = Number(browser.localStorage.getItem(pageSizeKey(context)));
        params.limit = [stored, limit].find((size) => PAGE_SIZES.includes(size)) || 50;
        return params;
    }

    async setPageSize(ev) {
        const limit = Number(ev.target.value);
        browser.localStorage.setItem(pageSizeKey(this.props.context), limit);
        await this.model.root.load({ limit, offset: 0 });
    }
}

/** The same cards where there is no room for a list. */
export class BillingKanbanRenderer extends KanbanRenderer {
    static template = "omni_billing.KanbanRenderer";
    static components = { ...KanbanRenderer.components, StatCards };
}

registry.category("views").add("omni_billing_list", {
    ...listView,
    Controller: BillingListController,
    Model: SumsModel,
    Renderer: BillingListRenderer,
});

registry.category("views").add("omni_billing_kanban", {
    ...kanbanView,
    Renderer: BillingKanbanRenderer,
});
