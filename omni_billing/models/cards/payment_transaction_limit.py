from odoo import api, models
from odoo.fields import Command

#: What Odoo's own page of payments writes when there is no document to pay.
PLAIN_FIELDS = {
    "provider_id",
    "payment_method_id",
    "reference",
    "amount",
    "currency_id",
    "partner_id",
    "token_id",
    "operation",
    "tokenize",
    "landing_route",
}


class PaymentTransaction(models.Model):
    """Payments and cards that customers begin: not too many, on any of Odoo's pages."""

    _inherit = "payment.transaction"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `payment`: who tries cards, or amounts, is stopped soon.

        :raise TooManyRequestsError: if a customer, or who has a link, begins too many.
        """
        for values in vals_list:
            if what := self._billing_get_limited(values):
                ids = _read_ids(values.get("invoice_ids"))
                invoices = self.env["account.move"].browse(ids)
                self.env["omni.billing.limit"]._take(what, invoices)
        return super().create(vals_list)

    def _billing_get_limited(self, values):
        """Return what is counted, if it is: `const.LIMITS`. Hook.

        Refunds, charges by jobs, and payments of what other addons sell are not.
        """
        operation = values.get("operation") or ""
        if values.get("source_transaction_id"):
            return None
        if operation == "validation":
            return "card"
        is_ours = values.get("invoice_ids") or values.keys() <= PLAIN_FIELDS
        return "payment" if operation.startswith("online_") and is_ours else None


def _read_ids(commands):
    """Return the ids of x2many commands that link records."""
    ids = set()
    for command in commands or ():
        if isinstance(command, int):
            ids.add(command)
        elif command[0] == Command.SET:
            ids.update(command[2])
        elif command[0] == Command.LINK:
            ids.add(command[1])
    return sorted(ids)
