"""Defaults of a caller's context: nothing that the server makes is made of them."""

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged

from .card_common import CardCommon
from .doors_common import DoorsCommon

#: What a caller may send for what is made on the way: as paid, as sent, of another.
POISON = {
    "default_state": "done",
    "default_charge_state": "paid",
    "default_provider_reference": "pi_1",
    "default_is_post_processed": True,
    "default_billing_key": "mine",
    "default_needs_action": False,
    "default_billing_is_default": True,
}
#: Odoo makes a bill of what has a file.
MESSAGE = """\
From: Somebody <somebody@example.org>
To: {alias}
Subject: Hello
Message-Id: <poisoned@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="part"

--part
Content-Type: text/plain

Hello
--part
Content-Type: application/pdf
Content-Disposition: attachment; filename="bill.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--part--
"""


@tagged("post_install", "-at_install")
class TestPoisonedContext(DoorsCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._create_user("clerk", "account.group_account_invoice")

    def _find_attempts(self, invoice):
        return invoice.sudo().transaction_ids  # sudo: attempts are internal

    def test_declined_card_in_our_dialog(self):
        invoice = self._bill_amounts(45)
        wizard = self.env["omni.billing.payment.wizard"].with_user(self.staff)
        values = {"invoice_ids": [Command.set(invoice.ids)], "mode": "stripe"}
        wizard = wizard.create(values)
        self.gateway.decline()
        with self.assertRaisesRegex(UserError, "declined"):
            wizard.with_context(**POISON).action_pay()
        attempt = self._find_attempts(invoice)
        self.assertEqual(attempt.state, "error")
        self.assertFalse(attempt.payment_id)
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_lost_answer_is_asked_for(self):
        """A payment that is born as done would be booked, and Stripe never asked."""
        invoice = self._bill_amounts(45)
        self.gateway.lose(is_executed=False)
        attempt = invoice.with_context(**POISON)._billing_charge(self.card)
        self.assertNotEqual(attempt.state, "done")
        self.assertNotEqual(attempt.billing_key, "mine")
        # sudo: as the job.
        self.env["payment.transaction"].sudo()._cron_billing_resolve()
        self.assertEqual(invoice.billing_state, "unpaid")
        self.assertFalse(self.gateway.taken)

    def test_declined_card_in_odoos_dialog(self):
        """Also by who invoices without our groups."""
        invoice = self._bill_amounts(45)
        self.provider._billing_ensure_method_line()
        lines = self.provider.journal_id.inbound_payment_method_line_ids
        line = lines.filtered(lambda one: one.payment_provider_id == self.provider)
        payments = self.env["account.payment"].with_user(self.clerk)
        payment = payments.create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.customer.id,
                "amount": 45,
                "journal_id": self.provider.journal_id.id,
                "payment_method_line_id": line.id,
                "payment_token_id": self.card.id,
                "invoice_ids": [Command.set(invoice.ids)],
            }
        )
        self.gateway.decline()
        payment.with_context(**POISON).action_post()
        self.assertNotIn(payment.state, ("in_process", "paid"))
        self.assertEqual(invoice.billing_state, "unpaid")

    def test_refund_that_stripe_refuses(self):
        invoice = self._bill_amounts(45)
        invoice._billing_charge(self.card)
        self.gateway.refuse("charge_disputed")
        invoice.with_context(**POISON)._billing_refund()
        self.env.invalidate_all()
        self.assertEqual(invoice.billing_state, "paid")
        self.assertFalse(invoice.reversal_move_ids)

    def test_email_is_one_of_its_own(self):
        """Not one of somebody else's, which would go with it; and not delivered yet."""
        invoice = self._bill_amounts(45)
        # sudo: the mail of somebody else.
        other = self.env["mail.mail"].sudo().create({"body_html": "<p>Theirs</p>"})
        poison = {
            "default_mail_id": other.id,
            "default_mail_message_id": other.mail_message_id.id,
            "default_state": "delivered",
        }
        sent = invoice.with_user(self.clerk).with_context(**poison)
        sent.action_billing_email()
        self.assertTrue(other.exists())
        self.assertIn("Theirs", other.body_html)
        [mail] = invoice.sudo().billing_mail_ids  # sudo: what became of it is internal
        self.assertNotEqual(mail.mail_id, other)
        self.assertNotEqual(mail.mail_id.mail_message_id, other.mail_message_id)
        self.assertNotEqual(mail.state, "delivered")

    def test_planned_payment_is_not_paid(self):
        invoice = self._bill_amounts(45)
        plan = self.env["omni.billing.installment"].with_context(**POISON)
        [planned] = plan._plan(invoice, [(self.today, 20.0)], self.card)
        self.assertEqual(planned.charge_state, "due")

    def test_line_of_a_draft_names_no_transaction(self):
        """Nobody keeps another's charge from being billed, or reads its title."""
        charge = self._create_transaction(45)
        draft = self.env["account.move"].with_user(self.clerk)
        draft = draft.create(
            {"move_type": "out_invoice", "partner_id": self.customer.id}
        )
        line = self.env["account.move.line"].with_user(self.clerk)
        line = line.with_context(default_billing_transaction_id=charge.id).create(
            {"move_id": draft.id, "name": "Mine", "price_unit": 1}
        )
        self.assertFalse(line.billing_transaction_id)
        self.assertEqual(self._bill(charge).billing_state, "unpaid")

    def test_mail_gateway_takes_no_defaults(self):
        """An e-mail makes what who sends an e-mail can make, and no payment."""
        invoice = self._bill_amounts(45)
        journal = self.company_data["default_journal_purchase"].sudo()
        # sudo: aliases are an administrator's, here and below.
        domain = self.env["mail.alias.domain"].sudo().create({"name": "omni.example"})
        self.company.sudo().alias_domain_id = domain
        alias = {"alias_name": "bills", "alias_domain_id": domain.id}
        journal.alias_id.sudo().write(alias | {"alias_status": "valid"})
        payment = {
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": self.customer.id,
            "amount": 45,
            "state": "paid",
            "invoice_ids": [Command.set(invoice.ids)],
        }
        context = {"default_matched_payment_ids": [Command.create(payment)]}
        moves = self.env["account.move"].with_user(self.outsider)
        text = MESSAGE.format(alias=journal.alias_id.display_name)
        before = self.env["account.payment"].search_count([])
        made = moves.with_context(**context).message_process(False, text)
        self.assertTrue(made, "the e-mail itself came in")
        self.assertEqual(self.env["account.payment"].search_count([]), before)
        self.assertEqual(invoice.billing_state, "unpaid")


@tagged("post_install", "-at_install")
class TestSmallDoors(CardCommon):
    """Who sees, chooses and changes what is not theirs to."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clerk = cls._create_user("clerk", "account.group_account_invoice")

    def test_cards_are_not_the_clerk_s(self):
        """Odoo lets everybody who invoices read them: no more than that."""
        other = self._save_card("1111")
        for method in ("action_billing_set_default", "action_billing_delete"):
            with self.assertRaises(AccessError):
                getattr(other.with_user(self.clerk), method)()
        other.with_user(self.staff).action_billing_set_default()
        self.assertTrue(other.billing_is_default)
        # Nor does a word in the context leave it at Stripe.
        other.with_context(billing_is_detached=True).action_billing_delete()
        self.assertTrue(other.sudo().billing_detach_pending)

    def test_contact_saves_no_default_card_of_the_company(self):
        self.company.billing_portal_scope = "invoice"
        contact = self.portal.partner_id
        token = self.env["payment.token"].with_user(self.portal).sudo()
        values = self.card.sudo().copy_data()[0] | {
            "partner_id": contact.id,
            "stripe_payment_method": "pm_other",
            "billing_is_default": False,
            "billing_fingerprint": self.card.sudo().billing_fingerprint,
        }
        mine = token.create(values)
        self.assertFalse(mine.billing_is_default)
        self.assertTrue(self.card.active)
        self.assertTrue(self.card.billing_is_default)

    def test_card_of_another_seller_is_not_proposed(self):
        other = self.env["res.company"].create({"name": "Rival"})
        provider = self._copy_provider(company_id=other.id)
        # sudo: as Odoo's controllers.
        card = self.card.sudo()
        card.active = False
        self._save_card("1111", provider_id=provider.id)
        invoice = self._bill_amounts(45)
        wizard = self.env["omni.billing.payment.wizard"].create(
            {"invoice_ids": [Command.set(invoice.ids)], "mode": "stripe"}
        )
        self.assertFalse(wizard.token_id)

    def test_template_of_something_else(self):
        """It would be filled in with what has the number of the invoice."""
        template = self.env["mail.template"].create(
            {
                "name": "Users",
                "model_id": self.env.ref("base.model_res_users").id,
                "body_html": "<p>Secret</p>",
            }
        )
        level = {"name": "First", "days": 3, "mail_template_id": template.id}
        with self.assertRaisesRegex(ValidationError, "no template of invoices"):
            self.env["omni.billing.reminder.level"].create(level)
        with self.assertRaisesRegex(ValidationError, "no template of invoices"):
            self.company.billing_mail_template_id = template
        invoices = self.env.ref("account.model_account_move")
        good = template.copy({"model_id": invoices.id})
        level = self.env["omni.billing.reminder.level"].create(
            level | {"days": 4, "mail_template_id": good.id}
        )
        good.model_id = template.model_id
        invoice = self._bill_amounts(45)
        with self.assertRaisesRegex(ValidationError, "no template of invoices"):
            invoice._billing_prepare_mail("reminder", level)

    def test_import_tells_nothing_of_strangers(self):
        other = self.env["res.company"].create({"name": "Rival"})
        stranger = self.env["res.partner"].create(
            {"name": "Stranger", "email": "private@example.org", "company_id": other.id}
        )
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        names = ["name", "partner_id/.id", "retail_cost", "external_ref"]
        rows = [
            ["x", str(self.customer.id), "5", "R1"],
            ["x", str(stranger.id), "5", "R1"],
        ]
        context = {"show_email": True, "show_address": True}
        result = Transaction.with_context(**context).load(names, rows)
        self.assertFalse(result["ids"])
        said = " ".join(message["message"] for message in result["messages"])
        for word in ("Stranger", "private@example.org"):
            self.assertNotIn(word, said)

    def test_who_starts_a_run_answers_for_it(self):
        run = self.env["omni.billing.run"].with_user(self.staff).create({})
        self.assertEqual(run.user_id, self.staff)
        other = self._create_user("other", "omni_billing.omni_billing_group_user")
        run.with_user(other).action_start()
        self.assertEqual(run.user_id, other)
        with self.assertRaises(AccessError):
            self.env["omni.billing.run"].with_user(self.staff).create(
                {"user_id": False}
            )

    def test_login_leaves_its_former_company(self):
        """Rules are kept in memory: a contact between the two moves, or is one."""
        middle = self.env["res.partner"].create(
            {"name": "Branch", "parent_id": self.customer.id}
        )
        self.portal.partner_id.parent_id = middle
        invoice = self._bill_amounts(45)
        self.assertTrue(invoice.with_user(self.portal).has_access("read"))
        middle.is_company = True
        self.env.invalidate_all()
        self.assertFalse(invoice.with_user(self.portal).has_access("read"))
        middle.is_company = False
        self.assertTrue(invoice.with_user(self.portal).has_access("read"))
        middle.parent_id = False
        self.assertFalse(invoice.with_user(self.portal).has_access("read"))
