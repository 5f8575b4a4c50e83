import { usePopover } from "@web/core/popover/popover_hook";
import { registry } from "@web/core/registry";
import { pick } from "@web/core/utils/objects";
import { ListRenderer } from "@web/views/list/list_renderer";
import { listView } from "@web/views/list/list_view";

import { Component, useEffect, useRef } from "@odoo/owl";

import { StatCards } from "./stat_cards";

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
export class BillingListRenderer extends ListRenderer {
    static template = "omni_billing.ListRenderer";
    static recordRowTemplate = "omni_billing.ListRenderer.RecordRow";
    static components = { ...ListRenderer.components, StatCards };

    setup() {
        super.setup();
        this.rowMenu = usePopover(RowMenu, { position: "bottom-start", arrow: false });
    }

    onRowContextMenu(record, ev) {
        const buttons = this.columns
            .flatMap((column) => (column.type === "button_group" ? column.buttons : []))
            .filter((button) => !this.evalInvisible(button.invisible, record));
        if (!buttons.length) {
            return;
        }
        ev.preventDefault();
        const items = buttons.map((button) => ({
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
        this.rowMenu.open(ev.target.closest("td"), { items });
    }
}

registry.category("views").add("omni_billing_list", {
    ...listView,
    Renderer: BillingListRenderer,
});
