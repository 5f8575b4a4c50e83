/* global Stripe */

import { loadJS } from "@web/core/assets";
import { _t } from "@web/core/l10n/translation";
import { rpc, RPCError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { Interaction } from "@web/public/interaction";

/** What each outcome of an attempt looks like. */
const LOOKS = {
    done: "alert-success",
    action: "alert-info",
    declined: "alert-danger",
    unknown: "alert-warning",
};

/**
 * Charges a saved card for the invoices of the page, once for each click.
 *
 * While a call is under way, and while the outcome of an attempt is not known, nothing
 * can be paid.
 */
export class BillingPay extends Interaction {
    static selector = "form.o_billing_pay";
    dynamicContent = {
        _root: { "t-on-submit.prevent": this.pay },
        "input[name=card]": { "t-on-change": () => {} },
        ".o_billing_pay_button": {
            "t-att-disabled": () => this.isBusy || this.isUnknown || !this.card,
            "t-att-aria-busy": () => (this.isBusy ? "true" : "false"),
        },
        ".o_billing_check_button": {
            "t-on-click": this.check,
            "t-att-class": () => ({ "d-none": !this.isUnknown }),
            "t-att-disabled": () => this.isBusy,
        },
    };

    setup() {
        this.isBusy = false;
        this.isUnknown = false;
        this.reference = null;
    }

    get card() {
        return this.el.querySelector("input[name=card]:checked:not(:disabled)");
    }

    async pay() {
        if (this.isBusy || this.isUnknown || !this.card) {
            return;
        }
        const card = this.card;
        await this.run(async () => {
            this.show("action", _t("Your payment is being made…"));
            const params = {
                ids: this.el.dataset.ids,
                card_id: parseInt(card.value),
                amount: parseFloat(this.el.dataset.amount),
            };
            const attempt = await this.call("/my/billing/pay/charge", params);
            await this.follow(attempt, card.dataset.stripeJs);
        });
    }

    async check() {
        await this.run(async () => {
            await this.follow(await this.fetchAttempt());
        });
    }

    /** Let nothing else begin until this has ended. */
    async run(task) {
        this.isBusy = true;
        this.updateContent();
        try {
            await task();
        } catch (error) {
            if (!(error instanceof RPCError)) {
                this.isUnknown = Boolean(this.reference);
                this.show(
                    "unknown",
                    _t(
                        "The connection was lost, so the outcome is not known. Reload the page before you pay again."
                    )
                );
            } else {
                this.show("declined", this.explain(error));
            }
        }
        this.isBusy = false;
        this.updateContent();
    }

    call(route, params) {
        return this.waitFor(rpc(route, params));
    }

    fetchAttempt() {
        return this.call("/my/billing/pay/check", { reference: this.reference });
    }

    /** Go on from what became of the attempt. */
    async follow(attempt, stripeJs) {
        this.reference = attempt.reference;
        this.isUnknown = attempt.state === "unknown";
        if (attempt.state === "done") {
            this.show("done", attempt.message);
            // Nothing can be paid twice while the next page loads.
            this.isUnknown = true;
            window.location = attempt.landing_url;
            return this.waitFor(new Promise(() => {}));
        }
        if (attempt.state === "action" && stripeJs) {
            this.show("action", _t("Your bank asks you to confirm the payment."));
            await this.confirm(attempt, stripeJs);
            return this.follow(await this.fetchAttempt());
        }
        if (attempt.state === "action") {
            this.show("declined", _t("The payment was not confirmed. Try again."));
        } else {
            this.show(attempt.state, attempt.message);
        }
    }

    /** Let the bank's own page ask the customer; what came of it, the server knows. */
    async confirm(attempt, stripeJs) {
        if (!window.Stripe) {
            await this.waitFor(loadJS(stripeJs));
        }
        await this.waitFor(
            Stripe(attempt.publishable_key).handleNextAction({
                clientSecret: attempt.client_secret,
            })
        );
    }

    explain(error) {
        const isForPeople = /\.(User|Validation|Access|TooManyRequests)Error$/.test(
            error.exceptionName
        );
        return isForPeople
            ? error.data.message
            : _t("Something went wrong. Reload the page before you pay again.");
    }

    show(state, text) {
        const message = this.el.querySelector(".o_billing_pay_message");
        message.className = `o_billing_pay_message alert ${LOOKS[state]}`;
        message.dataset.state = state;
        message.textContent = text;
    }
}

registry.category("public.interactions").add("omni_billing.pay", BillingPay);
