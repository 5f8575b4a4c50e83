from odoo import models

from ...const import MAX_TITLE_LENGTH

#: The customer's own numbers that an invoice names at its head.
MAX_REFERENCES = 5


class OmniBillingTransaction(models.Model):
    """The customer's own number of what is billed, like that of its order (W49)."""

    _inherit = "omni.billing.transaction"

    def _join_references(self):
        """Return the customer's own numbers for these, or nothing if they are many.

        Each is on its line, where not all are the same.
        """
        references = dict.fromkeys(filter(None, self.mapped("customer_reference")))
        joined = ", ".join(references)
        is_short = len(joined) <= MAX_TITLE_LENGTH
        return joined if len(references) <= MAX_REFERENCES and is_short else False
