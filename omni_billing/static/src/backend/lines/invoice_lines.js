import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { x2ManyField, X2ManyField } from "@web/views/fields/x2many/x2many_field";
import { FormViewDialog } from "@web/views/view_dialogs/form_view_dialog";

/**
 * The lines of an invoice: a click opens what a line was made of, over the invoice, which
 * stays open behind it (F196).
 */
export class InvoiceLines extends X2ManyField {
    setup() {
        super.setup();
        this.dialogs = useService("dialog");
        this.orm = useService("orm");
    }

    async openRecord({ resModel, resId }) {
        const action = await this.orm.call(resModel, "action_billing_open_transaction", [resId]);
        if (action.res_id) {
            this.dialogs.add(FormViewDialog, {
                resModel: action.res_model,
                resId: action.res_id,
                title: action.name,
            });
        } else {
            await this.action.doAction(action);
        }
    }
}

registry.category("fields").add("omni_billing_lines", { ...x2ManyField, component: InvoiceLines });
