"""Found a company in each of some countries, and bill customers there for a month.

Cards are charged at a Stripe of the tests, which takes its fees and pays the rest out;
where Stripe does not take the currency, that is seen and told, and banks pay instead.

Runs in ``odoo shell``, where Odoo installs what belongs to a country as soon as a
company is there, as it does for a person. Prints what went wrong, and each journal item
that is in no report.
"""

import os
import sys
import traceback

from odoo import fields

from odoo.addons.payment import utils as payment_utils
from odoo.addons.payment_stripe import const as stripe_const

sys.path.insert(0, os.getcwd())

from dev.scripts import companies  # noqa: E402
from strict_stripe import PUBLISHABLE_KEY, SECRET_KEY, StripeServer  # noqa: E402
from strict_stripe.currencies import NOT_TAKEN  # noqa: E402

#: How much more than of a euro people have of a currency, in powers of ten: 120 euros
#: are 120,000 pesos in Chile. Stripe has a least amount and fees in each.
SCALES = {
    10: "CNY CZK DKK DOP EGP GTQ HKD HNL INR MAD MRU MUR MXN MZN NOK PHP SEK THB TRY"
    " TWD UAH UYU ZAR ZMW",
    100: "BDT CRC DZD ETB HUF ISK JPY KES KMF KZT LKR PKR RSD VEF VES XAF XOF",
    1000: "ARS CDF CLP COP GNF IDR IQD KHR KRW LBP MNT NGN PYG RWF SYP TZS UGX VND",
}

#: Where fast billing is used: Odoo's addons of these countries are known to it.
FAST = ("CA", "FR")

#: What is set up for Stripe's balance, by name: the type of the account.
ACCOUNTS = {
    "clearing": "asset_current",
    "held": "asset_current",
    "fees": "expense",
    "fee_tax": "asset_current",
    "losses": "expense",
}


def find_scale(currency):
    """Return what an amount in euros is multiplied by, to be worth about the same."""
    found = [scale for scale, names in SCALES.items() if currency.name in names.split()]
    return (found or [1])[0]


def to_minor(currency, amount):
    """Return an amount as Stripe writes it."""
    decimals = stripe_const.CURRENCY_DECIMALS.get(currency.name)
    return payment_utils.to_minor_currency_units(
        amount, currency, arbitrary_decimal_number=decimals
    )


def set_up_stripe(here, company, stripe):
    """Have the company charge cards, and book what Stripe pays out.

    :return: the provider, and the accounts by their names.
    """
    stripe.reset()
    currency, scale = company.currency_id, find_scale(company.currency_id)
    fixed, dispute = (to_minor(currency, each * scale) for each in (0.3, 15))
    stripe.take_fees(percent="2.9", fixed=fixed, tax="20", dispute=dispute)
    # As an administrator does.
    parameters = here["ir.config_parameter"].sudo()
    parameters.set_param("omni_billing.stripe_api_base", stripe.url)
    base = here.ref("payment.payment_provider_stripe").sudo()
    provider = base.copy({"company_id": company.id, "state": "disabled"})
    keys = {
        "stripe_publishable_key": PUBLISHABLE_KEY,
        "stripe_secret_key": SECRET_KEY,
    }
    provider.write({**keys, "allow_tokenization": True, "state": "test"})
    # Companies of one account at Stripe are booked by the first.
    others = provider.search(
        [("code", "=", "stripe"), ("company_id", "!=", company.id)]
    )
    others.state = "disabled"
    accounts = {
        name: here["account.account"].create(
            {
                "name": f"Stripe {name}",
                "code": f"9{number}9{number}9{number}",
                "account_type": kind,
                "reconcile": kind == "asset_current",
            }
        )
        for number, (name, kind) in enumerate(ACCOUNTS.items())
    }
    provider._billing_ensure_method_line()
    lines = provider.journal_id.inbound_payment_method_line_ids
    line = lines.filtered(lambda line: line.payment_provider_id == provider)
    line.payment_account_id = accounts["clearing"]
    company.sudo().write(
        {
            "billing_fee_account_id": accounts["fees"].id,
            "billing_fee_tax_account_id": accounts["fee_tax"].id,
            "billing_dispute_account_id": accounts["held"].id,
        }
    )
    accounts["transit"] = company.sudo()._billing_get_payout_account()
    return provider, accounts


def takes_cards(company):
    """Tell whether Stripe takes the company's currency."""
    return company.currency_id.name.lower() not in NOT_TAKEN


def save_card(here, provider, customer):
    """Return a card that the customer saved."""
    gateway = provider._billing_get_gateway()
    name = gateway.create_customer("Ada", "ada@example.com", {}, f"c{customer.id}")
    card = gateway.attach_card("pm_card_visa", name)
    method = here.ref("payment.payment_method_card").sudo()
    method.active = True
    token = here["payment.token"].create(
        {
            "provider_id": provider.id,
            "payment_method_id": method.id,
            "partner_id": customer.id,
            "provider_ref": name,
            "payment_details": "4242",
            "stripe_payment_method": card.id,
        }
    )
    token._billing_agree("paper")
    return token


def live_a_month(here, company, customer):
    """Bill, credit, give back and take in advance.

    :return: invoices that a card may pay.
    """
    currency, scale = company.currency_id, find_scale(company.currency_id)

    # Stripe takes no third decimal, and credit that has one leaves one to be charged.
    decimals = 0 if currency.decimal_places > 2 else currency.decimal_places

    def scaled(amount):
        return round(amount * scale, decimals)

    def bill(cost):
        """Bill with the taxes that the country's chart gives."""
        values = {"name": "Fibre 500", "partner_id": customer.id}
        values["retail_cost"] = scaled(cost)
        values["tax_ids"] = company.account_sale_tax_id.ids
        item = here["omni.billing.transaction"].create(values)
        wizard = here["omni.billing.proforma.wizard"]
        wizard.create({"partner_id": customer.id}).action_generate()
        assert item.invoice_id.state == "posted"
        assert item.invoice_id.amount_untaxed == item.amount_untaxed
        return item.invoice_id

    paid, canceled, owed, void = map(bill, (45, 33.33, 59.99, 7))
    by_card = [*map(bill, (120, 80, 60, 50))]
    assert paid._billing_get_pdf().startswith(b"%PDF")
    paid._billing_pay("cash")
    assert paid.billing_state == "paid"
    canceled._billing_cancel_items(canceled.billing_transaction_ids)
    void.action_billing_void()
    paid._billing_create_refund_note(scaled(12))
    customer._billing_pay_back("bank", scaled(5), company, currency)
    advance = {"payment_type": "inbound", "partner_id": customer.id}
    here["account.payment"].create({**advance, "amount": scaled(25)}).action_post()
    owed._billing_pay("bank", currency.round(owed.amount_residual / 2))
    owed._billing_use_credit()
    # What is paid in advance by transfer, and given back in part.
    early = here["account.payment"].create({**advance, "amount": scaled(40)})
    early.action_post()
    customer._billing_pay_back(
        "bank", scaled(15), company, currency, credit=early.move_id
    )
    return by_card


def charge_cards(here, company, stripe, card, invoices, losses):
    """Charge a card, give back and lose some of it, and be paid out."""
    for invoice in invoices:
        invoice._billing_charge(card)
        assert invoice.billing_state == "paid", invoice.billing_state
    # One refund, disputes that are won, lost and owed again, lost for good.
    kept, lost, gone, won = invoices
    currency = company.currency_id
    kept._billing_refund(20 * find_scale(currency))
    # In the order of the charges.
    charges = stripe.store()["charges"]
    disputes = [stripe.dispute(each["id"])["id"] for each in charges[1:]]
    payouts = here["omni.billing.payout"].sudo()
    stripe.pay_out(currency.name.lower())
    payouts._cron_fetch()
    for dispute, status in zip(disputes, ("lost", "lost", "won"), strict=True):
        stripe.close_dispute(dispute, status)
    payouts._cron_fetch()
    found = here["omni.billing.dispute"].search([("company_id", "=", company.id)])
    found = [
        found.filtered(lambda each, name=name: each.reference == name)
        for name in disputes
    ]
    found[0]._decide("owed")
    found[1]._decide("written_off", losses)
    assert [each.state for each in found] == ["owed", "written_off", "won"]
    assert lost.billing_state != "paid", "owed again"
    assert gone.billing_state == won.billing_state == "paid"


def see_no_card(company, card, invoices):
    """See that a card is refused, whose currency Stripe does not take, and pay."""
    for invoice in invoices:
        attempt = invoice._billing_charge(card)
        assert attempt.state in ("error", "cancel"), attempt.state
        assert invoice.billing_state != "paid"
        # What was on file was used before.
        assert invoice.amount_residual == attempt.amount, "nothing was moved"
        invoice._billing_pay("bank")
        assert invoice.billing_state == "paid", invoice.billing_state
    name = company.currency_id.name
    print(f"In {company.country_code} no card was charged: Stripe takes no {name}.")


def check_reports(here, company, customer, accounts):
    """See that each figure is that of its entries, and no entry is in none."""
    own = [("company_id", "=", company.id)]
    items = here["account.move.line"].search([*own, ("parent_state", "=", "posted")])

    def sort(item):
        """Tell which figure an entry belongs to."""
        kind = item.account_id.account_type
        if item.move_id.billing_stripe_ref and kind != "asset_receivable":
            # Payouts and disputes have lists of their own.
            return "stripe"
        if item.journal_id == company.tax_cash_basis_journal_id:
            # Taxes that are due now that they are paid, by the law of some countries:
            # the lists have them by the day of the invoice.
            return "moved"
        if item.display_type == "tax":
            return "tax"
        if kind.startswith("income"):
            return "revenue"
        if kind == "asset_receivable":
            return "receivable"
        return "receipt" if item.journal_id.type in ("bank", "cash") else "none"

    by_figure = items.grouped(sort)
    if left := by_figure.get("none"):
        raise AssertionError(f"in no report: {left.mapped('display_name')}")

    # The ledger has money from when it is used; before, it is on the statement alone.
    unused = sum(
        item.amount_residual
        for item in by_figure["receivable"]
        if item.move_id.origin_payment_id
    )

    def total(name):
        return sum(by_figure.get(name, items.browse()).mapped("balance"))

    def read(report, *names):
        rows = here[f"omni.billing.{report}"]
        [sums] = rows._read_group(own, [], [f"{name}:sum" for name in names])
        return [value or 0 for value in sums]

    revenue, tax, receipt = read(
        "revenue", "amount_revenue", "amount_tax", "amount_receipt"
    )
    today = fields.Date.context_today(customer)
    [statement] = customer._billing_prepare_statement(company, today, today)
    ledger = here["omni.billing.transaction"].search([*own, ("state", "=", "invoiced")])
    found = {
        "revenue": (revenue, -total("revenue")),
        "taxes": (tax, -total("tax")),
        "taxes by rate": (read("tax", "amount")[0], -total("tax")),
        "receipts": (receipt, total("receipt")),
        "aged": (read("aged", "total")[0], total("receivable")),
        "statement": (statement["closing"], total("receivable")),
        "ledger": (sum(ledger.mapped("amount_total")) + unused, total("receivable")),
    }
    found |= compare_stripe(here, own, items, accounts, by_figure.get("stripe"))
    for name, (reported, booked) in found.items():
        unit = company.currency_id
        assert not unit.compare_amounts(reported, booked), f"{name}: {found}"


def compare_stripe(here, own, items, accounts, of_stripe):
    """Return what the lists of payouts and disputes say, and what is booked."""

    def total(*names):
        ids = {accounts[name].id for name in names}
        return sum(
            items.filtered(lambda item: item.account_id.id in ids).mapped("balance")
        )

    payouts = here["omni.billing.payout"].search(own)
    disputes = here["omni.billing.dispute"].search(own)
    if not takes_cards(here.company):
        assert not (payouts or disputes or of_stripe)
        return {name: (0, total(name)) for name in accounts}
    known = {each.id for each in accounts.values()}
    left = of_stripe.filtered(lambda item: item.account_id.id not in known)
    assert not left, f"in no list: {left.mapped('display_name')}"
    assert payouts and set(payouts.mapped("state")) == {"booked"}, payouts.mapped(
        "reason"
    )
    assert not any(disputes.mapped("problem")), disputes.mapped("problem")
    lost = disputes.filtered(lambda each: each.state == "written_off")
    # Each with its fee; what a dispute gave back is not paid out yet.
    movements = payouts.row_ids | disputes.row_ids
    unpaid = movements.filtered(lambda row: not row.payout_id)
    return {
        "payouts": (sum(payouts.mapped("amount")), total("transit")),
        "fees": (sum(movements.mapped("fee")), total("fees", "fee_tax")),
        "tax in fees": (sum(movements.mapped("fee_tax")), total("fee_tax")),
        "held": (0, total("held")),
        "losses": (sum(lost.mapped("amount")), total("losses")),
        "balance of Stripe": (sum(unpaid.mapped("net")), total("clearing")),
    }


def check_fast(here, company):
    """Bill some customers both ways: what is written fast is as in this chart."""
    partners = here["res.partner"].create(
        [
            {
                "name": f"Subscriber {number}",
                "country_id": company.country_id.id,
                **companies.taxpayer(here, company.country_id.code, is_company=False),
            }
            for number in range(6)
        ]
    )
    charges = here["omni.billing.transaction"].create(
        [
            {
                "name": "Fibre 500",
                "partner_id": partner.id,
                "retail_cost": 1000 + partner.id % 7,
                "tax_ids": taxes.ids,
            }
            for partner in partners
            for taxes in (company.account_sale_tax_id, company.account_sale_tax_id[:0])
        ]
    )
    report = here["omni.billing.proven"]._try_both(company)
    assert not report["differences"], report
    assert report["fast"] or report["reasons"], report
    if company.country_id.code in FAST:
        assert report["fast"] >= len(partners) - 2, report
        unknown = here["omni.billing.proven"]._find_unknown()
        module = f"l10n_{company.country_id.code.lower()}"
        assert not [text for text in unknown if module in text], unknown
    charges.action_void()


def run(code, stripe):
    """Found a company, live there, and compare what came of it."""
    company = companies.found(env, code)
    here = companies.enter(company)
    provider, accounts = set_up_stripe(here, company, stripe)
    customer = here["res.partner"].create(
        {
            "name": "Ada",
            "country_id": company.country_id.id,
            "company_id": company.id,
            **companies.taxpayer(here, company.country_id.code, is_company=False),
        }
    )
    card = save_card(here, provider, customer)
    invoices = live_a_month(here, company, customer)
    if takes_cards(company):
        charge_cards(here, company, stripe, card, invoices, accounts["losses"])
    else:
        see_no_card(company, card, invoices)
    check_fast(here, company)
    here.flush_all()
    check_reports(here, company, customer, accounts)
    env.cr.commit()


with StripeServer() as stripe:
    for code in arguments["countries"]:
        try:
            run(code, stripe)
        except Exception:
            env.cr.rollback()
            print(f"{code}: {traceback.format_exc()}")
