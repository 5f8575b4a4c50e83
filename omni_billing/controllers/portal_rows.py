"""What the rows of the customer's lists say: read at once, and written once a page.

A list has many rows, and many of them say the same: templates get what is to be shown,
and no records to ask for each cell.
"""

from odoo.tools import format_date

from ..const import UNPAID_STATES

#: What a row of each list shows; nothing else is read for it.
MOVE_FIELDS = (
    *("name", "billing_title", "invoice_date", "invoice_date_due", "move_type"),
    *("amount_total", "amount_residual", "currency_id", "billing_state", "state"),
    *("billing_is_planned", "commercial_partner_id", "company_id"),
)
TRANSACTION_FIELDS = (
    *("name", "description", "date", "time_of_day", "quantity", "price_unit"),
    *("amount_untaxed", "tax_amount", "amount_total", "currency_id", "company_id"),
    *("state", "transaction_type", "is_refund", "is_free", "report_state"),
    *("invoice_id", "payment_reference", "partner_id", "commercial_partner_id"),
    "participant_id",
)
ACTIVITY_FIELDS = ("create_date", "action", "name", "move_id", "amount", "currency_id")
#: Colours of states; those that are not named have a border and none.
COLOURS = {
    "unpaid": "bg-warning-subtle text-warning-emphasis",
    "partial": "bg-info-subtle text-info-emphasis",
    "paid": "bg-success-subtle text-success-emphasis",
}
PLAIN = "text-bg-light border"


class Written:
    """Writes dates, amounts and states as Odoo's widgets do, each of them once."""

    def __init__(self, env):
        self.env = env
        self._widget = env["ir.qweb.field.omni_billing_amount"]
        self._dates = {False: ""}
        self._amounts = {}
        self._labels = {}

    def date(self, day):
        """Write a day as the language does."""
        if day not in self._dates:
            self._dates[day] = format_date(self.env, day)
        return self._dates[day]

    def amount(self, amount, currency):
        """Write an amount as HTML: see the widget."""
        key = (amount, currency.id)
        if key not in self._amounts:
            options = {"display_currency": currency}
            self._amounts[key] = self._widget.value_to_html(amount, options)
        return self._amounts[key]

    def label(self, record, name):
        """Name the value of a selection."""
        key = (record._name, name)
        if key not in self._labels:
            field = record._fields[name]
            self._labels[key] = dict(field._description_selection(self.env))
        return self._labels[key].get(record[name], "")


def describe_state(written, move, is_late):
    """Return the state of an invoice in words, and its colour.

    :param bool is_late: whether a part that is open is due since a day that is over.
    """
    env, state = move.env, move.billing_state
    is_unpaid = state in UNPAID_STATES
    if is_unpaid and move.billing_collecting:
        return env._("Being Collected"), COLOURS["partial"]
    if is_late and state == "unpaid":
        return env._("Overdue"), "bg-danger-subtle text-danger-emphasis"
    if move.billing_is_planned:
        return env._("Paid as Planned"), COLOURS["partial"]
    if is_unpaid and move.move_type == "out_refund":
        return env._("Open"), COLOURS["partial"]
    return written.label(move, "billing_state"), COLOURS.get(state, PLAIN)


def find_late(moves, today):
    """Return the ids of invoices of which a part was due before a day."""
    asked = moves.filtered(
        lambda move: (
            move.billing_state in UNPAID_STATES
            and move.move_type == "out_invoice"
            and move.invoice_date_due
            and not move.billing_is_planned
        )
    )
    days = asked._billing_list_due_since()
    return {move.id for move in asked if days[move.id] < today}


def write_moves(moves, today, credit=None):
    """Return what the rows of invoices say.

    :param credit: of the customer, if it is known: see `_billing_get_amounts_owed`.
    """
    written = Written(moves.env)
    # Less credit on file, as it is charged and reminded of.
    owed = moves._billing_get_amounts_owed(credit)
    late = find_late(moves, today)
    return [_write_move(written, move, owed, move.id in late) for move in moves]


def _write_move(written, move, owed, is_late):
    is_invoice = move.move_type == "out_invoice"
    sign = 1 if is_invoice else -1
    total, currency = move.amount_total, move.currency_id
    state, colour = describe_state(written, move, is_late)
    return {
        "id": move.id,
        "url": f"/my/billing/invoices/{move.id}",
        "name": move.name,
        "title": move.billing_title or "",
        "date": written.date(move.invoice_date),
        "due": is_invoice and written.date(move.invoice_date_due),
        "total": written.amount(sign * total, currency),
        "left": written.amount(
            sign * owed.get(move.id, move.amount_residual), currency
        ),
        "is_settled": owed.get(move.id, total) == total,
        "state": state,
        "colour": colour,
        "is_void": move.billing_state == "void",
        "is_payable": is_invoice
        and move.billing_state in UNPAID_STATES
        # Nothing else is paid meanwhile.
        and not move.billing_collecting,
    }


def write_transactions(transactions, account):
    """Return what the rows of transactions say.

    :param account: the `res.partner` whose billing the user sees.
    """
    written = Written(transactions.env)
    names = _name_invoices(transactions.invoice_id)
    return [_write_transaction(written, each, names, account) for each in transactions]


def _write_transaction(written, transaction, names, account):
    env, currency = transaction.env, transaction.currency_id
    # sudo: who pays knows for whom, and who used it who pays; by name alone.
    known = transaction.sudo()
    participant = known._get_participant()
    is_own = participant and participant.commercial_partner_id == account
    time = transaction.time_of_day
    state, colour = _describe_transaction(written, transaction)
    is_payment = transaction.transaction_type == "payment"
    return {
        "id": transaction.id,
        "date": written.date(transaction.date),
        "time": time and env["ir.qweb.field.float_time"].value_to_html(time, {}),
        "name": transaction.name,
        "price": transaction._describe_price(),
        "description": transaction.description,
        "paid_by": is_own and known.commercial_partner_id.name,
        "used_by": participant and not is_own and known._get_participant_name(),
        "report": transaction._get_report_kind(),
        "reference": is_payment and transaction.payment_reference,
        "invoice_id": transaction.invoice_id.id,
        "invoice": names.get(transaction.invoice_id.id),
        "amount": written.amount(transaction.amount_untaxed, currency),
        "tax": (
            transaction.tax_amount and written.amount(transaction.tax_amount, currency)
        ),
        "total": written.amount(transaction.amount_total, currency),
        "state": state,
        "colour": colour,
        "is_void": transaction.state == "void",
    }


def _describe_transaction(written, transaction):
    """Return what became of a transaction, or what it is, and a colour."""
    env, state = transaction.env, transaction.state
    if state == "void":
        return written.label(transaction, "state"), PLAIN
    if transaction.transaction_type == "adjustment":
        return env._("Adjustment"), PLAIN
    if transaction.is_refund:
        return env._("Refund"), PLAIN
    if transaction.transaction_type == "payment":
        return env._("Payment"), COLOURS["paid"]
    if transaction.is_free:
        return env._("Free"), PLAIN
    colour = PLAIN if state == "unbilled" else COLOURS["partial"]
    return written.label(transaction, "state"), colour


def write_activities(activities):
    """Return what the rows of the history say."""
    written = Written(activities.env)
    names = _name_invoices(activities.move_id)
    return [
        {
            "record": each,
            "action": written.label(each, "action"),
            "name": each.name,
            "invoice_id": each.move_id.id,
            "invoice": names.get(each.move_id.id),
            "total": (
                each.currency_id and written.amount(each.amount, each.currency_id)
            ),
        }
        for each in activities
    ]


def _name_invoices(moves):
    """Return the numbers of the invoices that the user may open, by id."""
    found = moves.search_fetch([("id", "in", moves.ids)], ["name"]) if moves else moves
    return {move.id: move.name for move in found}
