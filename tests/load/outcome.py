"""What a run has come to in the end, whatever befell it: nothing lost, nothing doubled.

A module of tests has it as a class of its own, and a fixture ``customers``, which has
billed them all.
"""

from __future__ import annotations

from collections import Counter

from dev.console import say


def read_charges(town):
    """Return what Stripe took."""
    return [one for one in town.stripe.store()["charges"] if one["amount_captured"]]


def read_left(town):
    """Return how many charges Stripe refused or never heard of, by where they stand."""
    return town.office.ask(
        "SELECT charge_state, charge_error, count(*) FROM omni_billing_run_line"
        " WHERE charge_state = 'retry' AND charge_date IS NOT NULL"
        "    OR charge_state = 'failed' GROUP BY 1, 2"
    )


class Outcome:
    """All that has to hold, told to the cent."""

    def test_each_customer_has_one_invoice(self, town, customers):
        rows = town.office.ask(
            "SELECT partner_id, count(*) FROM account_move"
            " WHERE move_type = 'out_invoice' AND state = 'posted' GROUP BY 1"
        )
        assert dict(rows) == dict.fromkeys(customers, 1)

    def test_each_transaction_is_on_it(self, town, customers):
        assert town.office.ask(
            "SELECT count(*) FROM omni_billing_transaction"
            " WHERE transaction_type = 'charge' AND state = 'invoiced'"
        ) == [(len(customers),)]

    def test_numbers_have_no_gap(self, town, customers):
        numbers = town.office.ask(
            "SELECT sequence_number FROM account_move"
            " WHERE move_type = 'out_invoice' AND state = 'posted' ORDER BY 1"
        )
        assert [number for (number,) in numbers] == list(range(1, len(customers) + 1))

    def test_each_card_is_charged_once(self, town, customers):
        """One that Stripe never heard of comes again on its day, or is for staff."""
        charges = read_charges(town)
        assert set(Counter(one["customer"] for one in charges).values()) == {1}
        for state, reason, count in read_left(town):
            say(f"{count} not charged: {state}, {reason}")
        left = sum(count for *_rest, count in read_left(town))
        assert len(charges) + left == len(customers)

    def test_books_have_what_stripe_took(self, town, customers):
        """Who was charged has paid, once; who was not owes it."""
        charges = read_charges(town)
        left = sum(count for *_rest, count in read_left(town))
        states = town.office.ask(
            "SELECT billing_state, count(*) FROM account_move"
            " WHERE move_type = 'out_invoice' GROUP BY 1"
        )
        wanted = {"paid": len(charges), "unpaid": left}
        assert dict(states) == {
            state: count for state, count in wanted.items() if count
        }
        assert town.office.ask(
            "SELECT count(*) FROM account_payment"
            " WHERE state NOT IN ('draft', 'canceled')"
        ) == [(len(charges),)]

    def test_ledger_is_the_receivable(self, town, customers):
        """Of each customer, to the cent; and each entry balances."""
        ledger = town.office.ask(
            "SELECT commercial_partner_id, sum(amount_total)"
            " FROM omni_billing_transaction WHERE state = 'invoiced' GROUP BY 1"
        )
        receivable = town.office.ask(
            "SELECT partner_id, sum(balance) FROM account_move_line line"
            " JOIN account_account account ON account.id = line.account_id"
            " WHERE account_type = 'asset_receivable' AND parent_state = 'posted'"
            " GROUP BY 1"
        )
        assert dict(ledger) == dict(receivable)
        assert dict(ledger).keys() == set(customers)
        assert not town.office.ask(
            "SELECT move_id FROM account_move_line GROUP BY 1 HAVING sum(balance) != 0"
        )

    def test_no_email_is_doubled_and_none_is_lost(self, town, customers):
        """What a dead process may have sent is left to a person, not sent again."""
        subjects = Counter(
            (message["To"], message["Subject"]) for message in town.letterbox.messages
        )
        doubled = {key: count for key, count in subjects.items() if count > 1}
        assert not doubled
        told = dict(
            town.office.ask(
                "SELECT commercial_partner_id, max(state) FROM omni_billing_mail"
                " WHERE kind = 'invoice' GROUP BY 1"
            )
        )
        assert told.keys() == set(customers)
        assert set(told.values()) <= {"sent", "failed"}
        [(unknown,)] = town.office.ask(
            "SELECT count(*) FROM omni_billing_mail WHERE state = 'failed'"
            " AND needs_action IS NOT TRUE"
        )
        assert not unknown
