from collections import Counter

from odoo import models
from odoo.exceptions import UserError

from odoo.addons.omni_billing.tools.database import savepoint
from odoo.addons.omni_billing.tools.notice import notice, reload


class AccountMove(models.Model):
    """Collecting invoices by SEPA: they go into the draft debit order (W34)."""

    _inherit = "account.move"

    # === ACTION METHODS === #

    def action_billing_collect_sepa(self):
        """Collect what is owed of these invoices, of those that can be.

        :return: a notice of how many, and why the others are not.
        :raise UserError: if none can be.
        """
        self.check_access("write")
        self.env["omni.billing.payment.wizard"].check_access("create")
        collected, reasons = self._billing_collect_sepa(with_single=True)
        why = " ".join(
            self.env._("%(number)s: %(reason)s", number=number, reason=reason)
            for reason, number in Counter(reasons.values()).items()
        )
        covered = self - collected - self.browse().union(*reasons)
        if not (collected or covered):
            raise UserError(why or self.env._("Nothing is owed."))
        told = [
            collected
            and self.env._(
                "In the debit order: %(number)s. Nothing else is charged for them now.",
                number=len(collected),
            ),
            covered
            and self.env._("Paid by credit on file: %(number)s.", number=len(covered)),
            why,
        ]
        told = " ".join(filter(None, told))
        kind = "warning" if reasons else "success"
        return notice(told, kind, sticky=bool(why), after=reload())

    # === BUSINESS METHODS === #

    def _billing_collect_sepa(self, with_single=False):
        """Put what is owed of these invoices into debit orders, by company.

        Credit on file is used first, as before a card is charged (W15).

        :param bool with_single: also by mandates that are for a single debit, of who
            has no other.
        :return: the invoices that are being collected now, and why the others are not,
            a sentence by invoice.
        :rtype: tuple[account.move, dict]
        """
        self._billing_lock()
        collected, reasons = self.browse(), {}
        Mandate = self.env["account.banking.mandate"]
        for company, moves in self.grouped("company_id").items():
            customers = moves.commercial_partner_id
            mandates = Mandate._billing_find_mandates(customers, company, with_single)
            without = customers.filtered(lambda one, found=mandates: one not in found)
            used = {}
            if with_single and without:
                used = Mandate._billing_find_used(without, company)
            fit = self.browse()
            # Of all at once: few have any.
            # sudo: as in `_billing_spend_credit`
            credit = moves.sudo()._billing_share_credit()
            credited = self.browse().union(*credit).commercial_partner_id
            for customer, own in moves.grouped("commercial_partner_id").items():
                has_credit = customer in credited
                fit += own._billing_prepare_sepa(mandates, used, reasons, has_credit)
            if fit:
                fit._billing_add_to_order(company, mandates)
            collected += fit
        return collected, reasons

    def _billing_prepare_sepa(self, mandates, used, reasons, has_credit):
        """Use credit on file for invoices of one customer; return what is left to owe.

        :param mandates: by customer, see `_billing_find_mandates`.
        :param used: the same of who has none any more, see `_billing_find_used`.
        :param dict reasons: gets why invoices are not collected.
        :param bool has_credit: whether there is credit for an invoice of the customer.
        """
        fit = self.browse()
        for move in self:
            problem = move._billing_explain_no_sepa(mandates, used)
            if problem or (problem := move._billing_explain_no_single(mandates, fit)):
                reasons[move] = problem
            else:
                fit += move
        try:
            # What the customer began to pay on another page goes no further.
            fit._billing_close_other_payments()
            if has_credit:
                with savepoint(self.env):
                    fit._billing_spend_credit()
        except UserError as error:
            reasons |= dict.fromkeys(fit, str(error))
            return self.browse()
        return fit.filtered(lambda move: move._billing_is_unpaid())

    def _billing_add_to_order(self, company, mandates):
        """Add what is owed to a draft debit order of the company; make one if needed.

        One that somebody confirms, cancels or adds to right now is left to them. Each
        part is debited on the day when it is due, and not before the notice.
        """
        # sudo: who collects need not manage debit orders; the rights were checked.
        orders = self.env["account.payment.order"].sudo().with_company(company)
        method = company.sudo().billing_sepa_line_id  # sudo: as above
        domain = self._get_account_payment_domain(method)
        drafts = orders.search(domain, order="id")
        order = drafts.try_lock_for_update(allow_referencing=True, limit=1)
        if not order:
            invoice = self[:1].sudo()  # sudo: as above
            order = orders.create(invoice._prepare_new_payment_order(method))
        lines = self._billing_get_receivable_lines().filtered(
            lambda line: not line.reconciled
        )
        for name in ("matched_debit_ids", "matched_credit_ids"):
            # Together: OCA's addon asks each invoice for them.
            lines.mapped(name)
        order.env["account.payment.line"].create(
            [
                {
                    "order_id": order.id,
                    "move_line_id": line.id,
                    "mandate_id": mandates[line.move_id.commercial_partner_id].id,
                }
                for line in lines
            ]
        )
        return order

    # === CHECKS === #

    def _billing_explain_no_sepa(self, mandates, used):
        """Return why an invoice is not collected by SEPA, or nothing.

        :param mandates: by customer, see `_billing_find_mandates`.
        :param used: the same of who has none any more, see `_billing_find_used`.
        """
        self.ensure_one()
        company = self.company_id.sudo()  # sudo: settings are an administrator's.
        if not company.billing_sepa_line_id:
            return self.env._(
                "The company does not collect by SEPA: choose a payment method in"
                " Billing > Configuration > Settings."
            )
        if not self._billing_is_unpaid():
            return self.env._("It is not waiting to be paid.")
        if collecting := self._billing_explain_collecting():
            return collecting
        if self.commercial_partner_id in mandates:
            return self._billing_explain_no_collection()
        if mandate := used.get(self.commercial_partner_id):
            return self.env._(
                "The mandate %(mandate)s was for one debit, and is used: have the"
                " customer sign a new one.",
                mandate=mandate.unique_mandate_reference,
            )
        return self.env._(
            "The customer has no valid SEPA mandate for recurring debits."
        )

    def _billing_explain_no_single(self, mandates, others):
        """Return why a mandate for a single debit does not do for this invoice.

        :param mandates: by customer, see `_billing_find_mandates`.
        :param others: invoices of the customer that are collected with it.
        :return: nothing if it does, or is for more debits.
        """
        mandate = mandates[self.commercial_partner_id]
        if not mandate._billing_is_single():
            return None
        values = {"mandate": mandate.display_name}
        if others:
            return self.env._(
                "The mandate %(mandate)s is for one debit, that of %(invoice)s.",
                invoice=others[:1].display_name,
                **values,
            )
        parts = self._billing_get_receivable_lines().filtered(
            lambda line: not line.reconciled
        )
        if len(parts) > 1:
            return self.env._(
                "It is due in parts, and the mandate %(mandate)s is for one debit.",
                **values,
            )
        return None

    def _billing_explain_no_collection(self):
        """Return why an invoice may not be collected now, mandate or not. Hook."""
        self.ensure_one()
        if self.currency_id.name != "EUR":
            return self.env._("SEPA debits are in euros alone.")
        move = self.sudo()  # sudo: attempts are internal.
        if move.billing_attempt_id:
            return self.env._("A payment is under way.")
        if move.billing_dispute not in (False, "won", "owed"):
            return self.env._("It is disputed.")
        if move._billing_has_plan():
            return self.env._("It is paid as planned, on other days.")
        left = move._billing_get_chargeable_amount()
        is_less = self.currency_id.compare_amounts(left, self.amount_residual) < 0
        if is_less and not move._billing_find_sepa_lines():
            return self.env._("A payment is under way, and not booked yet.")
        return None
