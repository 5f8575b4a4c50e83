import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onWillStart, onWillUnmount, onWillUpdateProps, useState } from "@odoo/owl";

/** Milliseconds between two looks at a run that is under way. */
const PAUSE = 2000;

/** How far a billing run is: refreshed by itself while the job works on it. */
export class RunProgress extends Component {
    static template = "omni_billing.RunProgress";
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ progress: null });
        onWillStart(() => this.look(this.props.record));
        onWillUpdateProps((next) => this.look(next.record));
        onWillUnmount(() => browser.clearTimeout(this.timer));
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
            running: _t("Billing"),
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

    async look(record) {
        browser.clearTimeout(this.timer);
        if (!record.resId) {
            this.state.progress = null;
            return;
        }
        const progress = await this.orm.silent.call("omni.billing.run", "get_progress", [
            [record.resId],
        ]);
        this.state.progress = progress;
        if (progress.is_working) {
            this.timer = browser.setTimeout(() => this.refresh(), PAUSE);
        }
    }

    /** Look again; when the run has come to an end, show the whole form anew. */
    async refresh() {
        const before = this.state.progress.state;
        try {
            await this.look(this.props.record);
        } catch {
            // The connection will be back, or the user has left.
            this.timer = browser.setTimeout(() => this.refresh(), 5 * PAUSE);
            return;
        }
        if (this.state.progress.state !== before && !(await this.props.record.isDirty())) {
            await this.props.record.load();
        }
    }
}

registry.category("view_widgets").add("omni_billing_run_progress", {
    component: RunProgress,
});
