import { _t } from "@web/core/l10n/translation";
import { RecordSelector } from "@web/core/record_selectors/record_selector";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { debounce } from "@web/core/utils/timing";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";

import { Component, onWillUnmount, useState } from "@odoo/owl";

/** Fields whose value, saved or not, shows in the preview. */
const FIELDS = [
    "name",
    "engine",
    "body",
    "color",
    "footer",
    "terms",
    "paper_format",
    "show_author",
    "show_payment_qr",
    "show_bank_qr",
];

/** An invoice as the template in the form would print it, while it is written. */
export class TemplatePreview extends Component {
    static template = "omni_billing.TemplatePreview";
    static components = { RecordSelector };
    static props = { ...standardWidgetProps };

    setup() {
        this.orm = useService("orm");
        this.state = useState({
            url: "",
            error: "",
            lacks: [],
            lost: [],
            isLoading: true,
            invoiceId: false,
        });
        this.count = 0;
        const refresh = debounce((values) => this.refresh(values), 600);
        useRecordObserver((record) => {
            this.values = Object.fromEntries(FIELDS.map((name) => [name, record.data[name]]));
            // A saved image is its size here, not its content: the server knows it.
            const { logo } = record.data;
            if (typeof logo === "string" && logo.length > 100) {
                this.values.logo = logo;
            }
            refresh(this.values);
        });
        onWillUnmount(() => {
            refresh.cancel();
            this.release();
        });
    }

    get selectorProps() {
        return {
            resId: this.state.invoiceId,
            resModel: "account.move",
            domain: [["billing_state", "not in", [false, "draft"]]],
            fieldString: _t("Invoice"),
            placeholder: _t("The latest"),
            update: (invoiceId) => {
                this.state.invoiceId = invoiceId;
                this.refresh(this.values);
            },
        };
    }

    /** Ask the server; only the answer to the last question counts. */
    async refresh(values) {
        const count = ++this.count;
        this.state.isLoading = true;
        const { resId } = this.props.record;
        const { pdf, error, lacks, lost } = await this.orm.call("omni.billing.template", "get_preview", [
            resId ? [resId] : [],
            values,
            this.state.invoiceId,
        ]);
        if (count !== this.count) {
            return;
        }
        this.state.isLoading = false;
        this.state.error = error || "";
        this.state.lacks = lacks;
        this.state.lost = lost || [];
        if (pdf) {
            const bytes = Uint8Array.from(atob(pdf), (char) => char.charCodeAt(0));
            this.release();
            this.blob = URL.createObjectURL(new Blob([bytes], { type: "application/pdf" }));
            const file = encodeURIComponent(this.blob);
            this.state.url = `/web/static/lib/pdfjs/web/viewer.html?file=${file}#zoom=page-width&pagemode=none`;
        }
    }

    release() {
        if (this.blob) {
            URL.revokeObjectURL(this.blob);
        }
    }
}

registry.category("view_widgets").add("omni_billing_template_preview", {
    component: TemplatePreview,
});
