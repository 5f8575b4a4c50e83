import { patch } from "@web/core/utils/patch";

import { PaymentForm } from "@payment/interactions/payment_form";

patch(PaymentForm.prototype, {
    /** Say what was ticked beside the form: it replaces the default card, it is charged. */
    _prepareTransactionRouteParams() {
        const params = super._prepareTransactionRouteParams(...arguments);
        for (const name of ["replaces", "agrees"]) {
            const tick = document.querySelector(`input.o_billing_${name}`);
            if (tick) {
                params[name] = tick.checked;
            }
        }
        return params;
    },
});
