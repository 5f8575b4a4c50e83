import { _t } from "@web/core/l10n/translation";
import { download } from "@web/core/network/download";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { getReportUrl } from "@web/webclient/actions/reports/utils";

const STANDARD = ["account.report_invoice", "account.report_invoice_with_payments"];
const OWN = "omni_billing.report_invoice_page";

/**
 * Download our PDF without asking for wkhtmltopdf first, as the web client does for any
 * report: it would show HTML where that program is missing. Odoo's own invoice reports
 * print ours when all the invoices are ours; else they go their usual way.
 */
async function downloadOwnPdf(action, options, env) {
    if (action.report_type !== "qweb-pdf" || ![OWN, ...STANDARD].includes(action.report_name)) {
        return false;
    }
    const ids = action.context?.active_ids || [];
    if (action.report_name !== OWN) {
        const areOwn =
            ids.length &&
            (await env.services.orm.call("account.move", "billing_have_own_pdf", [ids]));
        if (!areOwn) {
            return false;
        }
    }
    const context = { ...user.context, ...action.context };
    env.services.ui.block({ message: _t("Making the PDF…"), delay: 300 });
    try {
        await download({
            url: "/report/download",
            data: {
                data: JSON.stringify([getReportUrl(action, "pdf"), action.report_type]),
                context: JSON.stringify(context),
            },
        });
    } finally {
        env.services.ui.unblock();
    }
    return true;
}

registry.category("ir.actions.report handlers").add("omni_billing", downloadOwnPdf);
