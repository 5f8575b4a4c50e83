import { browser } from "@web/core/browser/browser";
import { registry } from "@web/core/registry";
import { ListController } from "@web/views/list/list_controller";
import { listView } from "@web/views/list/list_view";

import { onWillDestroy } from "@odoo/owl";

import { SumsModel, SumsRenderer } from "../amounts/amounts";

/** Milliseconds after which a list is shown anew, once a job was asked to go on. */
const PAUSES = [1500, 3000, 5000, 8000, 13000, 21000, 34000];

/** The customers of runs: what a job makes of *Try Again* is shown when it is done. */
export class RunLinesController extends ListController {
    setup() {
        super.setup();
        onWillDestroy(() => browser.clearTimeout(this.timer));
    }

    async afterExecuteActionButton(clickParams) {
        await super.afterExecuteActionButton(clickParams);
        if (clickParams.name === "action_retry") {
            this.lookLater(0);
        }
    }

    lookLater(step) {
        browser.clearTimeout(this.timer);
        const pause = PAUSES[Math.min(step, PAUSES.length - 1)];
        this.timer = browser.setTimeout(() => this.look(step), pause);
    }

    /** Show the list anew, some times, and as long as a row of it waits for the job. */
    async look(step) {
        try {
            // What is ticked would be lost.
            if (!this.model.root.selection.length) {
                await this.model.load();
            }
        } catch {
            // The connection will be back, or the user has left.
        }
        const isWaiting = this.model.root.records.some(({ data }) => data.state === "pending");
        if (isWaiting || step + 1 < PAUSES.length) {
            this.lookLater(step + 1);
        }
    }
}

registry.category("views").add("omni_billing_run_lines", {
    ...listView,
    Controller: RunLinesController,
    Model: SumsModel,
    Renderer: SumsRenderer,
});
