import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onWillDestroy, useState } from "@odoo/owl";

/** Milliseconds between two looks at a run that is under way. */
const PAUSE = 2000;

/** How far a billing run is: refreshed by itself while the job works on it. */
export class RunProgress extends Component {
    static template = "omni_billing.RunProgress";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ progress: null });
        this.count = 0;
        useRecordObserver((record) => this.look(record));
        onWillDestroy(() => this.stop());
    }

    get percent() {
        const { done, total } = this.state.progress;
        return total ? Math.floor((100 * done) / total) : 0;
    }

    get phase() {
        const { state, is_prepared } = this.state.progress;
        if (["checking", "running"].includes(state) && !is_prepared) {
            return _t("Collecting customers …");
        }
        return {
            checking: _t("Checking"),
            running: _t("Being Billed"),
            collecting: _t("Charging and sending"),
            paused: _t("Paused"),
        }[state];
    }

    get pace() {
        const { is_working, rate, seconds_left } = this.state.progress;
        if (!is_working || !rate || seconds_left === null) {
            return "";
        }
        const values = { rate: rate.toFixed(1), minutes: Math.ceil(seconds_left / 60) };
        return seconds_left < 60
            ? _t("%(rate)s a second, less than a minute left", values)
            : _t("%(rate)s a second, about %(minutes)s min left", values);
    }

    /** No answer that is still under way counts, and nobody asks again. */
    stop() {
        browser.clearTimeout(this.timer);
        return ++this.count;
    }

    /**
     * Ask how far the run is, and go on while it is under way, or while the form shows
     * another state than the run has: the job may have ended before the first question.
     */
    async look(record) {
        // Whoever changes what is shown asks anew; only the last answer counts.
        const count = this.stop();
        const { resId } = record;
        const shown = record.data.state;
        if (!resId) {
            this.state.progress = null;
            return;
        }
        let progress;
        try {
            progress = await this.orm.silent.call("omni.billing.run", "get_progress", [[resId]]);
        } catch {
            // The connection will be back, or the user has left.
            this.lookLater(count, 5 * PAUSE);
            return;
        }
        if (count !== this.count) {
            return;
        }
        this.state.progress = progress;
        const wasOld = this.isOld;
        this.isOld = progress.state !== shown;
        if (this.isOld || progress.is_working) {
            // Once at once; what stays old has unsaved changes, and is looked at later.
            this.lookLater(count, this.isOld && !wasOld ? 0 : PAUSE);
        }
    }

    lookLater(count, pause) {
        if (count === this.count) {
            this.timer = browser.setTimeout(() => this.refresh(), pause);
        }
    }

    /** Show the whole form anew if it is old, which looks again; else look again. */
    async refresh() {
        const { record } = this.props;
        const { count } = this;
        if (!this.isOld || record.dirty || (await record.isDirty())) {
            await this.look(record);
            return;
        }
        try {
            await record.load();
        } catch {
            this.lookLater(count, 5 * PAUSE);
        }
    }
}

registry.category("view_widgets").add("omni_billing_run_progress", {
    component: RunProgress,
    fieldDependencies: [{ name: "state", type: "selection" }],
});
