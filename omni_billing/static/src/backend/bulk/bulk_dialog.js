import { Dialog } from "@web/core/dialog/dialog";
import { download } from "@web/core/network/download";
import { ConnectionLostError } from "@web/core/network/rpc";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";

import { Component, onMounted, useState } from "@odoo/owl";

/** Invoices of one step: few, so that progress is seen and a stop is soon. */
const STEP = 5;

/**
 * The same with many invoices, step by step: how far it is, and what failed and why.
 * The server keeps what is done, so that a step may be asked for again.
 */
export class BulkDialog extends Component {
    static template = "omni_billing.BulkDialog";
    static components = { Dialog };
    static props = {
        close: Function,
        bulkId: Number,
        operation: String,
        title: String,
        invoiceIds: Array,
    };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.state = useState({
            // "asking", "running", "offline" or "finished"
            phase: this.question ? "asking" : "running",
            done: 0,
            failures: [],
            isStopping: false,
            isOnePdf: true,
        });
        this.left = [...this.props.invoiceIds];
        this.total = this.left.length;
        // Who closes the dialog stops the run, and sees the screen as it is then.
        this.env.dialogData.dismiss = () => {
            this.stop();
            return this.running;
        };
        if (!this.question) {
            onMounted(() => this.start());
        }
    }

    get question() {
        return {
            email: _t("Each customer gets the invoice as a PDF. Send them now?"),
            remind: _t("Each customer gets a reminder with the invoice. Send them now?"),
            download: _t("How do you want the invoices?"),
        }[this.props.operation];
    }

    get percent() {
        return Math.round((this.state.done / this.total) * 100);
    }

    get progressText() {
        const { done, failures } = this.state;
        const values = { done, total: this.total, failed: failures.length };
        return failures.length
            ? _t("%(done)s of %(total)s, %(failed)s failed", values)
            : _t("%(done)s of %(total)s", values);
    }

    get hasSucceeded() {
        return this.state.done > this.state.failures.length;
    }

    start() {
        this.running = this.run();
        return this.running;
    }

    async run() {
        this.state.phase = "running";
        while (this.left.length && !this.state.isStopping) {
            const ids = this.left.slice(0, STEP);
            try {
                const results = await this.orm.silent.call("omni.billing.bulk", "run_step", [
                    [this.props.bulkId],
                    ids,
                ]);
                this.state.failures.push(...results.filter((result) => result.error));
            } catch (error) {
                if (error instanceof ConnectionLostError) {
                    this.state.phase = "offline";
                    return;
                }
                const reason = error.data?.message || error.message;
                this.state.failures.push(
                    ...ids.map((id) => ({ id, name: `#${id}`, customer: "", error: reason }))
                );
            }
            this.left.splice(0, ids.length);
            this.state.done += ids.length;
        }
        this.state.phase = "finished";
        if (this.props.operation === "download" && this.hasSucceeded) {
            await this.download();
        }
    }

    retry() {
        const { failures } = this.state;
        this.left = [...failures.map((failure) => failure.id), ...this.left];
        this.state.done -= failures.length;
        this.state.failures = [];
        return this.resume();
    }

    /** Go on with what is left, after a stop or without a connection. */
    resume() {
        this.state.isStopping = false;
        return this.start();
    }

    stop() {
        this.state.isStopping = true;
    }

    download() {
        const kind = this.state.isOnePdf ? "pdf" : "zip";
        return download({ url: `/billing/bulk/${this.props.bulkId}/invoices.${kind}`, data: {} });
    }

    open(failure) {
        return this.action.doActionButton({
            type: "object",
            name: "action_billing_open_detail",
            resModel: "account.move",
            resId: failure.id,
            resIds: [failure.id],
        });
    }
}

/** Show the dialog alone, then the screen as it is after it. */
async function runBulk(env, { params }) {
    await env.services.action.doAction({ type: "ir.actions.act_window_close" });
    await new Promise((resolve) =>
        env.services.dialog.add(BulkDialog, params, { onClose: resolve })
    );
    return { type: "ir.actions.client", tag: "soft_reload" };
}

registry.category("actions").add("omni_billing_bulk", runBulk);
