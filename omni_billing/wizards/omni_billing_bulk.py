from odoo import Command, api, fields, models
from odoo.exceptions import AccessError, UserError

from ..const import UNPAID_STATES
from ..tools.database import commit, rollback, savepoint
from ..tools.values import is_id


class OmniBillingBulk(models.TransientModel):
    """Do the same with many invoices, a few at a time, and tell what became of each.

    The web client asks for one step after the other (F8, F120), so that it can show
    how far it is, and stop. Each step is a transaction of its own; an invoice that was
    done is never done again, however often its step is asked for.
    """

    _name = "omni.billing.bulk"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Do with Many Invoices"

    _server_fields = frozenset({"done_ids", "attempt_ids"})

    operation = fields.Selection(
        [
            ("void", "Void"),
            ("email", "Send by E-mail"),
            ("remind", "Send a Reminder"),
            ("pay", "Pay"),
            ("download", "Download"),
        ],
        required=True,
    )
    invoice_ids = fields.Many2many(
        "account.move", "omni_billing_bulk_invoice_rel", string="Invoices"
    )
    done_ids = fields.Many2many("account.move", "omni_billing_bulk_done_rel")
    attempt_ids = fields.Many2many(
        "payment.transaction",
        "omni_billing_bulk_attempt_rel",
        groups="base.group_system",
        help="The payments that failed and are tried again, if that is it.",
    )
    reason = fields.Char()
    by_credit_note = fields.Boolean()
    mode = fields.Selection(
        lambda self: self.env["omni.billing.payment.ref"]._list_modes()
    )
    reference = fields.Char()
    date = fields.Date()

    @api.model
    def _start(self, operation, invoices, attempts=None, **values):
        """Return the action that shows the progress dialog of the web client.

        :param attempts: `payment.transaction` that failed; no more than they asked for
            is charged.
        """
        bulk = self.create(
            {
                "operation": operation,
                "invoice_ids": [Command.set(invoices.ids)],
                **values,
            }
        )
        if attempts:
            # sudo: attempts are internal.
            bulk.sudo().attempt_ids = attempts
        count = len(invoices)
        titles = {
            "void": self.env._("Void %(count)s Invoices", count=count),
            "email": self.env._("Send %(count)s Invoices by E-mail", count=count),
            "remind": self.env._("Remind of %(count)s Invoices", count=count),
            "pay": self.env._("Pay %(count)s Invoices", count=count),
            "download": self.env._("Download %(count)s Invoices", count=count),
        }
        return {
            "type": "ir.actions.client",
            "tag": "omni_billing_bulk",
            "params": {
                "bulkId": bulk.id,
                "operation": operation,
                "title": titles[operation],
                "invoiceIds": invoices.ids,
            },
        }

    def run_step(self, invoice_ids):
        """Do it with some of the invoices.

        :param list invoice_ids: ids; those that are not of this run are left out.
        :return: for each ``id``, ``name``, ``customer``, and ``error``: why nothing
            was changed, or False.
        :rtype: list[dict]
        """
        self._check_is_one()
        if not isinstance(invoice_ids, list | tuple):
            raise UserError(
                self.env._("Say which invoices this step is about: send their ids.")
            )
        # Who asks for the same step at the same time learns what became of it.
        with self._hold():
            return self._run_step(invoice_ids)

    def _run_step(self, invoice_ids):
        self._check_may_run()
        own = set(self.invoice_ids.ids)
        wanted = dict.fromkeys(filter(is_id, invoice_ids))
        results = []
        # In the order asked for, which is that of the files too.
        for invoice in self.invoice_ids.browse(
            own_id for own_id in wanted if own_id in own
        ):
            error = False
            if invoice not in self.done_ids:
                error = self._run_one(invoice)
            results.append(
                {
                    "id": invoice.id,
                    "name": invoice.display_name,
                    "customer": invoice.partner_id.display_name,
                    "error": error,
                }
            )
        return results

    def _check_may_run(self):
        is_manager = self.env.user.has_group("omni_billing.omni_billing_group_manager")
        if self.operation == "void" and len(self.invoice_ids) > 1 and not is_manager:
            raise AccessError(
                self.env._("Only billing managers can void several invoices at once.")
            )

    def _run_one(self, invoice):
        """Do it with one invoice, whole or not at all; return why not, or False."""
        if self.operation == "pay" and self.mode == "stripe":
            return self._charge_one(invoice)
        try:
            if self.operation in ("pay", "void"):
                # It commits what Stripe says of an earlier charge.
                invoice._billing_settle_attempts()
            with savepoint(self.env):
                error = getattr(self, f"_run_{self.operation}")(invoice)
                if not error:
                    self._note_done(invoice)
        except UserError as refusal:
            return str(refusal)
        return error or False

    def _charge_one(self, invoice):
        """Charge a card; commits, so that the next one undoes nothing of this one.

        Credit on file is used first: nobody agreed to an amount.
        """
        try:
            invoice._billing_settle_attempts()
            invoice._billing_check_payable()
            limit = self._get_charge_limit(invoice)
            invoice._billing_spend_credit()
            if invoice.billing_state in UNPAID_STATES:
                customer = invoice.commercial_partner_id
                card = customer._billing_get_cards(invoice.company_id)[:1]
                attempt = invoice._billing_charge(card, at_most=limit)
                attempt._billing_check_not_declined()
                if attempt.billing_is_open:
                    return attempt.state_message
            self._note_done(invoice)
        except UserError as refusal:
            rollback(self.env)
            return str(refusal)
        commit(self.env)
        return False

    def _get_charge_limit(self, invoice):
        """Return how much is charged at most, with taxes; None is all that is owed.

        :raise UserError: if somebody else saw to what failed.
        """
        # sudo: attempts are internal.
        attempts = self.sudo().attempt_ids
        failed = attempts.filtered(lambda attempt: invoice in attempt.invoice_ids)
        if not failed:
            return None
        if not any(failed.mapped("billing_needs_action")):
            raise UserError(
                self.env._(
                    "What failed for %(invoice)s was tried again, paid or given up"
                    " meanwhile. Nothing was charged.",
                    invoice=invoice.display_name,
                )
            )
        return max(failed.mapped("amount"))

    def _note_done(self, invoice):
        # sudo: what is done is for the server to say.
        self.sudo().done_ids = [Command.link(invoice.id)]

    def _run_void(self, invoice):
        invoice.action_billing_void(
            reason=self.reason, by_credit_note=self.by_credit_note
        )

    def _run_email(self, invoice):
        return self._run_mail(invoice, "invoice")

    def _run_remind(self, invoice):
        return self._run_mail(invoice, "reminder")

    def _run_mail(self, invoice, kind):
        """Queue a message; one that cannot be sent stays in the work list."""
        invoice._billing_check_mailable(kind)
        invoices = invoice
        if kind == "reminder":
            # All that was chosen of the customer is in one message.
            invoices = self.invoice_ids.filtered(
                lambda other: (
                    other.commercial_partner_id == invoice.commercial_partner_id
                    and other.company_id == invoice.company_id
                    and other.currency_id == invoice.currency_id
                    and not other._billing_get_mail_obstacle(kind)
                )
            )
        mails = invoices._billing_queue_mail(kind)
        failed = mails.filtered(lambda mail: mail.state == "failed")
        return failed[:1].error

    def _run_pay(self, invoice):
        if self.mode == "cheque":
            return self.env._("Take a cheque in the payment dialog of its customer.")
        if self.mode == "credit":
            invoice._billing_use_credit()
        else:
            invoice._billing_pay(self.mode, date=self.date, reference=self.reference)
        return None

    def _run_download(self, invoice):
        self.env["ir.attachment"].create(
            {
                "name": invoice._billing_get_filename(among_others=True),
                "raw": invoice._billing_get_pdf(),
                "mimetype": "application/pdf",
                "res_model": self._name,
                "res_id": self.id,
                # Whose it is, if the file is lost.
                "description": str(invoice.id),
            }
        )

    def _get_files(self):
        """Return name and content of each PDF that was made, in the order asked for.

        :return: an iterator, which holds one file at a time; None if there is none.
        """
        self.ensure_one()
        self.check_access("read")
        files = self.env["ir.attachment"].search(
            [("res_model", "=", self._name), ("res_id", "=", self.id)], order="id"
        )
        return self._iterate_files(files) if files else None

    def _iterate_files(self, files):
        taken = set()
        for number, file in enumerate(files):
            # Drafts have no number, and two companies may have the same.
            stem = file.name.removesuffix(".pdf")
            name = f"{stem} ({number}).pdf" if file.name in taken else file.name
            taken.add(name)
            # Without the others: what is read of one would be read of all.
            yield name, self._read_file(file.with_prefetch())
            file.invalidate_recordset(["raw", "datas"], flush=False)

    def _read_file(self, file):
        """Return the content of a PDF; one that is lost is made again.

        :raise UserError: if that fails; it says of which invoice.
        """
        if content := file.raw:
            return content
        invoice = self.invoice_ids.filtered(lambda one: str(one.id) == file.description)
        try:
            return invoice._billing_get_pdf()
        except UserError as error:
            raise UserError(
                self.env._(
                    "%(invoice)s cannot be downloaded: %(error)s",
                    invoice=invoice.display_name,
                    error=error,
                )
            ) from error
