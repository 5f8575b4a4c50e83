from collections import defaultdict
from hashlib import sha256

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import float_compare, format_datetime, format_list

from odoo.addons.omni_billing.tools.lock import lock_or_tell
from odoo.addons.omni_billing.tools.write_guard import trust

from ..tools.reasons import ENDS_MANDATE
from ..tools.returns import UnreadableError, read
from .res_company import METHOD

#: So many references are named in a message.
MOST_NAMES = 5


class OmniBillingSepaFile(models.Model):
    """A file in which a bank told what came back: each is read once (W34)."""

    _name = "omni.billing.sepa.file"
    _inherit = "omni.billing.server.mixin"
    _description = "Bank's File of Returned Debits"
    _order = "id desc"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    kind = fields.Char(readonly=True, help="The kind of ISO 20022, and its version.")
    reference = fields.Char(string="Message", readonly=True)
    digest = fields.Char(required=True, readonly=True)
    return_ids = fields.One2many(
        "omni.billing.sepa.return", "file_id", string="Returns", readonly=True
    )
    return_count = fields.Integer(string="Returned", readonly=True)
    known_count = fields.Integer(
        string="Known Before",
        readonly=True,
        help="Another file told of them already, or staff undid them: nothing was done"
        " again.",
    )
    foreign_count = fields.Integer(
        string="Not Ours",
        readonly=True,
        help="Debits that were not made here. They are left to accounting.",
    )
    foreign_note = fields.Text(string="Which", readonly=True)

    _digest_unique = models.UniqueIndex(
        "(company_id, digest)", "This file was read already."
    )

    # === BUSINESS METHODS === #

    @api.model
    def _take(self, company, name, content):
        """Read a file, and have what came back be owed again; all of it or nothing.

        :param company: the `res.company` whose bank it is from.
        :param str name: of the file.
        :param bytes content: of the file.
        :return: the `omni.billing.sepa.file`.
        :raise UserError: if it was read before, cannot be read, tells of nothing, or
            says something that cannot be.
        """
        digest = sha256(content).hexdigest()
        self._check_new(company, digest)
        report = self._read(name, content)
        told = self._find_told(company, report)
        payments, left, foreign = self._match(company, told)
        self._check_amounts(payments)
        debits = self.env["account.payment"].union(*payments, *left)
        debits.invoice_ids._billing_lock()
        lock_or_tell(debits)
        known = {payment for payment in payments if payment._billing_is_back()}
        back = {
            payment: one for payment, one in payments.items() if payment not in known
        }
        stopped = [payment for payment in left if payment.billing_sepa_waiting]
        if told and not payments and not stopped:
            raise UserError(
                self.env._(
                    "%(file)s tells of %(number)s returns, and none is of a debit that"
                    " was made here (%(references)s). Nothing was done.",
                    file=name,
                    number=len(told),
                    references=format_list(self.env, foreign[:MOST_NAMES]),
                )
            )
        # sudo: only the server writes these.
        file = self.sudo().create(
            {
                "name": name,
                "company_id": company.id,
                "kind": report.kind,
                "reference": report.reference,
                "digest": digest,
                "return_count": len(back),
                "known_count": len(known),
                "foreign_count": len(foreign),
                "foreign_note": "\n".join(foreign) or False,
            }
        )
        file._end_mandates(payments)
        file._book(back)
        file._leave({payment: left[payment] for payment in stopped})
        return file

    @api.model
    def _check_new(self, company, digest):
        known = self.search(
            Domain("company_id", "=", company.id) & Domain("digest", "=", digest)
        )
        if known:
            raise UserError(
                self.env._(
                    "This file was read on %(date)s, as %(name)s. Nothing was done"
                    " again.",
                    date=format_datetime(self.env, known.create_date),
                    name=known.name,
                )
            )

    @api.model
    def _read(self, name, content):
        try:
            return read(content)
        except UnreadableError as error:
            values = {"file": name, "detail": error.detail[:200]}
            if error.why == "kind":
                message = self.env._(
                    "%(file)s is of another kind (%(detail)s). What can be read:"
                    " pain.002.001.03 and .10, camt.053.001.02 and .08, camt.054.001.02"
                    " and .08. Nothing was done.",
                    **values,
                )
            elif error.why == "xml":
                message = self.env._(
                    "%(file)s is no XML file of a bank (%(detail)s). Nothing was done:"
                    " download it from the bank again.",
                    **values,
                )
            else:
                message = self.env._(
                    "%(file)s is broken: something in it is not as the bank's format"
                    " asks for (%(detail)s). Nothing was done: download it again.",
                    **values,
                )
            raise UserError(message) from error

    @api.model
    def _find_told(self, company, report):
        """Return what came back, by our reference; a file refused whole as its debits.

        :rtype: dict[str, Return]
        """
        told = {}
        for number, one in enumerate(report.returns, 1):
            told[one.reference or f"#{number}: {one.text or '?'}"] = one
        orders = Domain("payment_order_id.company_id", "=", company.id)
        # sudo: as in `_match`.
        Payment = self.env["account.payment"].sudo()
        for names, path in (
            (report.messages, "payment_order_id.name"),
            (report.blocks, "payment_lot_id.name"),
        ):
            if not names:
                continue
            for payment in Payment.search(orders & Domain(path, "in", list(names))):
                name = payment.mapped(path)[0]
                told.setdefault(payment.memo, names[name])
        if (report.messages or report.blocks) and not told:
            raise UserError(
                self.env._(
                    "The bank refused %(files)s, which was not made here. Nothing was"
                    " done.",
                    files=format_list(
                        self.env, [*report.messages, *report.blocks][:MOST_NAMES]
                    ),
                )
            )
        return told

    @api.model
    def _match(self, company, told):
        """Find the payments of returns.

        A reference alone says little: another database of the company counts as well.

        :return: what came back by payment; why something is not of the payment of its
            reference, by that; and what is not ours, with why if its reference is.
        """
        # sudo: who imports need not see all of accounting; the rights were checked.
        payments = self.env["account.payment"].sudo()
        found = payments.search(
            Domain("payment_order_id", "!=", False)
            & Domain("payment_order_id.payment_method_code", "=", METHOD)
            & Domain("memo", "in", list(filter(None, told)))
            & Domain("company_id", "=", company.id)
        )
        matched, left = {}, {}
        accounts = self._find_accounts(company | found.journal_id.company_id)
        for payment in found:
            if why := self._explain_foreign(payment, told[payment.memo], accounts):
                left[payment] = why
            else:
                matched[payment] = told[payment.memo]
        others = {payment.memo: why for payment, why in left.items()}
        ours = set(payments.union(*matched).mapped("memo"))
        foreign = [
            f"{reference}: {others[reference]}" if reference in others else reference
            for reference in told
            if reference not in ours
        ]
        return matched, left, foreign

    @api.model
    def _explain_foreign(self, payment, one, accounts):
        """Return why a return is not of the payment of its reference, or nothing.

        :param accounts: the bank accounts of its company, see `_find_accounts`.
        """
        order = payment.payment_order_id
        if order.state not in ("generated", "uploaded"):
            return self.env._("its order has no file at the bank, or is canceled")
        mandate = payment.payment_line_ids.mandate_id[:1].unique_mandate_reference
        if one.mandate and one.mandate != mandate:
            return self.env._("it is of the mandate %s", one.mandate)
        account = one.account and one.account.replace(" ", "").upper()
        if account and account not in accounts:
            return self.env._("it was collected to %s", one.account)
        if one.day and one.day < payment.date:
            return self.env._("it was booked before the day of the debit")
        return None

    @api.model
    def _find_accounts(self, companies):
        """Return the bank accounts that companies have or had, as banks write them.

        A journal may have another one since.

        :rtype: set[str]
        """
        # sudo: as in `_match`.
        companies = companies.sudo().with_context(active_test=False)
        journals = companies.env["account.journal"].search(
            Domain("company_id", "in", companies.ids) & Domain("type", "=", "bank")
        )
        accounts = companies.partner_id.bank_ids | journals.bank_account_id
        return set(accounts.mapped("sanitized_acc_number"))

    @api.model
    def _check_amounts(self, payments):
        """Check that what came back is what was debited.

        :raise UserError: if not.
        """
        for payment, one in payments.items():
            digits = payment.currency_id.rounding
            is_same = one.amount is None or not float_compare(
                float(one.amount), payment.amount, precision_rounding=digits
            )
            if is_same and one.currency in ("", payment.currency_id.name):
                continue
            raise UserError(
                self.env._(
                    "%(debit)s of %(amount)s came back as %(back)s %(currency)s."
                    " Nothing was done: ask the bank, and book it by hand.",
                    debit=payment.memo,
                    amount=payment.currency_id._billing_format(payment.amount),
                    back=one.amount,
                    currency=one.currency,
                )
            )

    def _leave(self, left):
        """Have staff decide on these: the job books none of them.

        :param left: why what came back is not of it, by payment.
        """
        for payment, why in left.items():
            trust(payment).billing_sepa_waiting = False
            for invoice in payment.invoice_ids[:1]:
                invoice._billing_tell_staff(
                    self.env._(
                        "%(file)s says that %(reference)s came back, but %(why)s. So"
                        " it is neither owed again nor booked by itself. Ask the bank,"
                        " and confirm the payment. If it did come back, press Undo on"
                        " it after that.",
                        file=self.name,
                        reference=payment.memo,
                        why=why,
                    )
                )

    def _end_mandates(self, payments):
        """End the mandates that the bank does not debit any more.

        Also of what is known: who reversed its entry knew nothing of the bank's code.

        :param payments: what came back, by payment.
        """
        ended = defaultdict(self.env["account.banking.mandate"].sudo)  # sudo: as above
        returns = self.env["omni.billing.sepa.return"]
        # What an earlier file told of may have been put right since.
        told = returns.search(
            Domain("payment_id", "in", [payment.id for payment in payments])
            & Domain("code", "in", tuple(ENDS_MANDATE))
        ).payment_id
        for payment, one in payments.items():
            if one.code in ENDS_MANDATE and payment not in told:
                ended[one.code, one.text] |= payment.payment_line_ids.mandate_id
        for (code, text), mandates in ended.items():
            mandates._billing_end(returns.new({"code": code, "text": text})._explain())

    def _book(self, back):
        """Have these be owed again, with all that follows of it.

        :param back: what came back, by payment.
        """
        # sudo: only the server writes these.
        model = self.env["omni.billing.sepa.return"].sudo()
        returns = model.create(
            [
                {
                    "file_id": self.id,
                    "company_id": self.company_id.id,
                    "payment_id": payment.id,
                    "move_id": payment.invoice_ids._billing_sort_by_due()[:1].id,
                    "code": one.code,
                    "text": one.text,
                    "date": one.day or fields.Date.context_today(self),
                }
                for payment, one in back.items()
            ]
        )
        reasons = {one.payment_id: one._explain() for one in returns}
        payments = returns.payment_id
        payments._billing_send_back(reasons)
        returns._charge_fees()
        returns._plan_retries()
        for why, ones in returns.grouped(lambda one: one._explain()).items():
            self.env["omni.billing.run.line"]._end_sepa(
                ones.payment_id.invoice_ids, why
            )
