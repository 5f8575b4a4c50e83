import { patch } from "@web/core/utils/patch";

import { PaymentForm } from "@payment/interactions/payment_form";

patch(PaymentForm.prototype, {
    /** Say whether the card takes the place of the default one, where that is asked. */
    _prepareTransactionRouteParams() {
        const params = super._prepareTransactionRouteParams(...arguments);
        const tick = document.querySelector("input.o_billing_replaces");
        return tick ? { ...params, replaces: tick.checked } : params;
    },
});
