from collections import defaultdict
from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import Command, api, fields, models
from odoo.tools import split_every

from ...tools.database import commit_progress

BATCH = 100


class OmniBillingLateFee(models.Model):
    """A fee for a month that an invoice is late: an ordinary charge, once.

    A month that was missed is not charged later, and a fee that was voided or deleted
    does not come back.
    """

    _name = "omni.billing.late.fee"
    _inherit = "omni.billing.server.mixin"
    _description = "Late Fee"
    _order = "id desc"

    move_id = fields.Many2one(
        "account.move", string="Invoice", required=True, index=True, ondelete="cascade"
    )
    month = fields.Integer(required=True, help="Whole months that it was late before.")
    transaction_id = fields.Many2one(
        "omni.billing.transaction", index="btree_not_null", ondelete="set null"
    )

    _month_uniq = models.Constraint(
        "UNIQUE(move_id, month)", "A month is charged once."
    )

    @api.model
    def _cron_charge(self):
        """Charge the fees of today, in all companies that have them."""
        companies = self.env["res.company"].search([("billing_late_fee", "!=", "none")])
        Move = self.env["account.move"]
        late = {
            company: Move.search(
                self.with_company(company)._get_late_domain(company)
            ).ids
            for company in companies
        }
        # Odoo goes on with the job at once as long as something is left.
        commit_progress(self.env, remaining=sum(map(len, late.values())))
        for company, late_ids in late.items():
            fees = self.with_company(company)
            for ids in split_every(BATCH, late_ids):
                moves = Move.browse(ids)
                # Invoices that somebody holds, as for a payment, or names in a new row,
                # are for the next run.
                fees._charge(moves.try_lock_for_update(), company)
                if not commit_progress(self.env, len(ids)):
                    return

    @api.model
    def _get_late_domain(self, company):
        Move = self.env["account.move"]
        last = self._get_last_day(company)
        return Move._billing_get_remindable_domain(
            company
        ) & Move._billing_get_due_domain(last)

    @api.model
    def _get_last_day(self, company):
        """Return until when something was due that has a fee today."""
        today = fields.Date.context_today(self)
        return today - timedelta(days=company.billing_late_fee_grace + 1)

    @api.model
    def _charge(self, moves, company):
        """Charge the month that each invoice is in, unless that was done."""
        moves.invalidate_recordset()
        moves = moves.filtered_domain(self._get_late_domain(company))
        owed = moves._billing_get_amounts_late(self._get_last_day(company))
        known = {
            (fee.move_id, fee.month)
            for fee in self.search([("move_id", "in", moves.ids)])
        }
        own = self._get_amounts_of_fees(moves)
        due = [
            (move, month, amount)
            for move in moves
            if (move, month := self._get_month(move, company)) not in known
            and (amount := self._get_amount(move, owed.get(move.id, 0.0), own, company))
            > 0
        ]
        transactions = self.env["omni.billing.transaction"].create(
            [
                self._prepare_transaction_values(move, month, amount)
                for move, month, amount in due
            ]
        )
        self.create(
            [
                {"move_id": move.id, "month": month, "transaction_id": transaction.id}
                for (move, month, _amount), transaction in zip(
                    due, transactions, strict=True
                )
            ]
        )

    @api.model
    def _get_month(self, move, company):
        """Return how many whole months an invoice has been late."""
        start = move._billing_get_due_since() + timedelta(
            days=company.billing_late_fee_grace + 1
        )
        late = relativedelta(fields.Date.context_today(self), start)
        return 12 * late.years + late.months

    @api.model
    def _get_amounts_of_fees(self, moves):
        """Return what earlier fees on these invoices come to, by invoice.

        :rtype: dict[account.move, float]
        """
        fees = self.search(
            [("transaction_id", "in", moves.billing_transaction_ids.ids)]
        ).transaction_id
        amounts = defaultdict(float)
        for fee in fees:
            amounts[fee.invoice_id] += fee.amount_total
        return amounts

    @api.model
    def _get_amount(self, move, owed, own, company):
        """Return the fee, in the currency of the invoice. There is none on fees.

        :param float owed: what is late of the invoice.
        :param own: what fees on the invoices come to, by invoice.
        """
        currency = move.currency_id
        if company.billing_late_fee == "fixed":
            amount = company.currency_id._convert(
                company.billing_late_fee_amount, currency, company
            )
            return amount if owed > 0 else 0.0
        base = max(0.0, owed - own[move])
        return currency.round(base * company.billing_late_fee_percent / 100)

    @api.model
    def _prepare_transaction_values(self, move, month, amount):
        """Return the values of the charge: of the site of the invoice, if it is one,
        and counted for what the invoice is. Hook.
        """
        site, distribution = move._billing_get_counted_for()
        return {
            **({"analytic_distribution": distribution} if distribution else {}),
            "site_id": site.id,
            "name": move._billing_translate(
                lambda env: env._(
                    "Late fee for %(invoice)s, month %(month)s",
                    invoice=move.name,
                    month=month + 1,
                )
            ),
            "transaction_type": "charge",
            "company_id": move.company_id.id,
            "partner_id": move.commercial_partner_id.id,
            "currency_id": move.currency_id.id,
            "retail_cost": amount,
            "tax_ids": [Command.clear()],
        }
