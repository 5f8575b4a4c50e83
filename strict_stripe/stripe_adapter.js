/* Appended to localstripe's form: what a page calls of Stripe.js and the form lacks.
 * Source: Stripe's page "Stripe.js reference" (elements, confirmPayment, confirmSetup,
 * handleNextAction, retrievePaymentIntent). */
(() => {
    const base = LOCALSTRIPE_BASE_API;
    const form = window.Stripe;
    const KINDS = {
        pi: {path: "payment_intents", name: "paymentIntent", param: "payment_intent"},
        seti: {path: "setup_intents", name: "setupIntent", param: "setup_intent"},
    };

    function pairs(values, inside = "") {
        return Object.entries(values).flatMap(([name, value]) => {
            const path = inside ? `${inside}[${name}]` : name;
            if (value === undefined || value === null) {
                return [];
            }
            return typeof value === "object" ? pairs(value, path) : [[path, value]];
        });
    }

    // A form needs no leave to cross origins (CORS), as with the real one.
    async function request(method, path, values) {
        const query = new URLSearchParams(pairs(values));
        const response =
            method === "GET"
                ? await fetch(`${base}${path}?${query}`)
                : await fetch(base + path, {method, body: query});
        return await response.json();
    }

    function invalid(code, message) {
        return {error: {type: "validation_error", code, message}};
    }

    function missingIn(group) {
        const card = group._cardElement?.value?.card;
        if (!card?.number) {
            return invalid("incomplete_number", "Your card number is incomplete.");
        }
        if (!card.exp_month || card.exp_year === "20") {
            return invalid(
                "incomplete_expiry",
                "Your card's expiration date is incomplete."
            );
        }
        if (!card.cvc) {
            return invalid(
                "incomplete_cvc",
                "Your card's security code is incomplete."
            );
        }
        return {};
    }

    function newMethod(group, params) {
        const value = group._cardElement.value;
        const given = params.payment_method_data || {};
        const billing = given.billing_details || {};
        const postal = value.postal_code || undefined;
        return {
            ...given,
            type: "card",
            card: value.card,
            billing_details: {
                ...billing,
                address: {postal_code: postal, ...billing.address},
            },
        };
    }

    function leave(intent, kind, returnUrl) {
        const url = new URL(returnUrl);
        url.searchParams.set(kind.param, intent.id);
        url.searchParams.set(`${kind.param}_client_secret`, intent.client_secret);
        url.searchParams.set("redirect_status", "succeeded");
        window.location = url.href;
        // After a redirection the real one never answers either.
        return new Promise(() => {});
    }

    window.Stripe = (key, options) => {
        const stripe = form(key, options);
        const newElements = stripe.elements;

        const kindOf = (secret) => KINDS[secret.split("_", 1)[0]];
        const pathOf = (secret) =>
            `/v1/${kindOf(secret).path}/${secret.split("_secret_")[0]}`;

        async function authenticate(intent, secret) {
            const success = await openModal(
                "3D Secure\nIs it you who pays?",
                "Complete authentication",
                "Fail authentication"
            );
            return await request("POST", `/3ds/${intent.id}`, {
                client_secret: secret,
                success,
            });
        }

        async function finish(intent, secret, confirmParams, redirect) {
            const kind = kindOf(secret);
            if (intent.status === "requires_action") {
                intent = await authenticate(intent, secret);
            }
            const error =
                intent.error || intent.last_payment_error || intent.last_setup_error;
            if (error) {
                return {error};
            }
            if (redirect === "if_required") {
                return {[kind.name]: intent};
            }
            return leave(intent, kind, confirmParams.return_url);
        }

        async function confirm({
            elements,
            clientSecret,
            confirmParams = {},
            redirect = "always",
        }) {
            const incomplete = elements ? missingIn(elements) : {};
            if (incomplete.error) {
                return incomplete;
            }
            if (redirect === "always" && !confirmParams.return_url) {
                throw new Error(
                    "confirm: you must provide confirmParams.return_url, or " +
                        "redirect: 'if_required'."
                );
            }
            // The bank asks in this page, so that no redirection is needed for it.
            const intent = await request("POST", `${pathOf(clientSecret)}/confirm`, {
                key,
                client_secret: clientSecret,
                return_url: confirmParams.return_url || window.location.href,
                payment_method: confirmParams.payment_method,
                payment_method_data: elements
                    ? newMethod(elements, confirmParams)
                    : undefined,
                use_stripe_sdk: true,
            });
            return await finish(intent, clientSecret, confirmParams, redirect);
        }

        async function retrieve(clientSecret) {
            const intent = await request("GET", pathOf(clientSecret), {
                key,
                client_secret: clientSecret,
            });
            return intent.error
                ? intent
                : {[kindOf(clientSecret).name]: intent};
        }

        async function handleNextAction({clientSecret}) {
            const found = await retrieve(clientSecret);
            if (found.error) {
                return found;
            }
            const intent = found[kindOf(clientSecret).name];
            return await finish(intent, clientSecret, {}, "if_required");
        }

        async function confirmCard(clientSecret, data = {}) {
            const given = data.payment_method;
            if (!given) {
                return await handleNextAction({clientSecret});
            }
            return await confirm({
                elements: given.card && given.card._stripeElements,
                clientSecret,
                confirmParams: {
                    payment_method: typeof given === "string" ? given : undefined,
                },
                redirect: "if_required",
            });
        }

        return Object.assign(stripe, {
            elements: (settings = {}) => {
                const group = newElements();
                group.update = (changes) => Object.assign(settings, changes);
                // Resolves with the error, as the real one does: it never rejects.
                group.submit = async () => missingIn(group);
                return group;
            },
            confirmPayment: confirm,
            confirmSetup: confirm,
            confirmCardPayment: confirmCard,
            confirmCardSetup: confirmCard,
            handleNextAction,
            retrievePaymentIntent: retrieve,
            retrieveSetupIntent: retrieve,
        });
    };
})();
