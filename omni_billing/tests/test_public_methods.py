"""What the web client, or anybody with a login, may call on our models (F193)."""

import inspect

from odoo.exceptions import AccessError
from odoo.service.model import call_kw, get_public_method
from odoo.tests import tagged
from odoo.tools import mute_logger

from .card_common import CardCommon

#: Returns what the web client opens, from records that the user reads; changes nothing.
OPENS = {
    "account.move": {
        "action_billing_activity",
        "action_billing_cancel_items",
        "action_billing_close_attempt",
        "action_billing_open_reports",
        "action_billing_decide_dispute",
        "action_billing_email_compose",
        "action_billing_pay",
        "action_billing_pdf",
        "action_billing_promise",
        "action_billing_refund",
        "action_billing_open_detail",
        "action_billing_open_entry",
        "action_billing_open_void",
        "billing_have_own_pdf",
        "billing_retrieve_stats",
    },
    "account.move.line": {"action_billing_open_transaction"},
    "account.payment": {"action_billing_undo"},
    "omni.billing.aged": {"action_billing_open_items"},
    "omni.billing.day.wizard": {"action_show"},
    "omni.billing.dispute": {"action_decide"},
    "omni.billing.statement": {"action_print"},
    "omni.billing.activity.log": {"action_open_invoice", "action_open_sent"},
    "omni.billing.installment": {"action_open_invoice"},
    "omni.billing.mail": {"action_open_invoice", "action_open_sent"},
    "omni.billing.pdf.cache": {"action_open"},
    "omni.billing.run": {"action_open_invoices", "action_open_lines", "get_progress"},
    "omni.billing.run.line": {
        "action_open_invoice",
        "action_open_transactions",
        "action_other_card",
        "action_pay_manually",
    },
    "omni.billing.run.schedule": {"action_open_runs"},
    "omni.billing.first.step": {"action_open"},
    "omni.billing.service": {
        "action_change_plan",
        "action_end",
        "action_redeem",
        "action_open_plans",
        "action_open_transactions",
    },
    "omni.billing.watch": {"action_open"},
    "omni.billing.todo": {
        "action_open",
        "action_other_card",
        "action_pay_manually",
        "action_promise",
        "action_write",
    },
    "omni.billing.payment.wizard": {"action_card_link"},
    "omni.billing.price.rise": {"action_open_lines"},
    "omni.billing.transaction": {
        "action_add_another",
        "action_open_answer",
        "action_open_detail",
        "action_open_invoice",
        "action_open_proforma_wizard",
        "action_open_void_wizard",
        "action_undo_payment",
        "billing_retrieve_stats",
    },
    "omni.billing.webhook": {"action_open_deliveries"},
    "omni.billing.webhook.delivery": {"action_open_record"},
    "res.partner": {
        "action_billing_activity",
        "action_billing_add_transaction",
        "action_billing_card_link",
        "action_billing_consents",
        "action_billing_invoices",
        "action_billing_paid_by_others",
        "action_billing_pay_all",
        "action_billing_suspension",
        "action_billing_proforma",
        "action_billing_promise",
        "action_billing_transactions",
    },
}
#: Does something, or tells what is not everybody's: asks for the right to.
ASKS = {
    "account.move": {
        "action_billing_clear_pdf",
        "action_billing_download",
        "action_billing_duplicate",
        "action_billing_confirm",
        "action_billing_email",
        "action_billing_mark_paid",
        "action_billing_mark_sent",
        "action_billing_pause_reminders",
        "action_billing_remind",
        "action_billing_stop_debit",
        "action_billing_take_back_promise",
        "action_billing_void",
        "action_billing_void_authorized",
    },
    "omni.billing.bulk": {"run_step"},
    "omni.billing.ask.wizard": {"action_ask"},
    "omni.billing.request": {"action_approve", "action_decline"},
    "omni.billing.attempt.wizard": {"action_close"},
    "omni.billing.cancel.wizard": {"action_cancel_items"},
    "omni.billing.card.refund.wizard": {"action_refund"},
    "omni.billing.bounce.wizard": {"action_bounce"},
    "omni.billing.cheque": {
        "action_cancel",
        "action_deposit",
        "action_dismiss",
        "action_open_bounce",
    },
    "omni.billing.day.wizard": {"action_book"},
    "omni.billing.dispute.wizard": {"action_decide"},
    "omni.billing.overdue.wizard": {"action_decide", "action_suspend"},
    "omni.billing.payout": {"action_fetch", "action_match_again"},
    "omni.billing.price.rise": {
        "action_apply",
        "action_preview",
        "action_tell",
        "action_undo",
    },
    "omni.billing.statement": {"action_email"},
    "omni.billing.installment": {
        "action_cancel",
        "action_charge_again",
        "action_give_up",
        "action_other_card",
        "action_pay_manually",
    },
    "omni.billing.mail": {"action_cancel", "action_dismiss", "action_send_again"},
    "omni.billing.payment.wizard": {"action_pay", "action_plan"},
    "omni.billing.proforma.wizard": {
        "action_add_charge",
        "action_clear_all",
        "action_generate",
        "action_select_all",
    },
    "omni.billing.card.link.wizard": {"action_send"},
    "omni.billing.consent.base.wizard": {"action_ask", "action_state"},
    "omni.billing.consent.wizard": {"action_record", "action_withdraw"},
    "omni.billing.coupon.wizard": {"action_redeem"},
    "omni.billing.end.wizard": {"action_end"},
    "omni.billing.plan.wizard": {"action_change"},
    "omni.billing.promise.wizard": {"action_promise"},
    "omni.billing.refund.wizard": {"action_refund"},
    "omni.billing.report.wizard": {"action_answer"},
    "omni.billing.run": {
        "action_cancel",
        "action_check",
        "action_pause",
        "action_resume",
        "action_retry_parked",
        "action_start",
    },
    "omni.billing.run.line": {
        "action_charge_again",
        "action_dismiss_email",
        "action_give_up",
        "action_leave_out",
        "action_retry",
        "action_send_again",
    },
    "omni.billing.service": {
        "action_autopay_off",
        "action_autopay_on",
        "action_adjust",
        "action_follow_contact",
        "action_resume",
        "action_suspend",
        "action_undo_plan",
        "action_write_due",
    },
    "omni.billing.stripe.event": {"action_dismiss", "action_process_again"},
    "omni.billing.template": {"action_clear_pdf", "action_send_test", "get_preview"},
    "omni.billing.todo": {
        "action_again",
        "action_approve",
        "action_deposit",
        "action_give_up",
        "action_remind",
    },
    "omni.billing.transaction": {
        "action_follow_contact",
        "action_mark_free",
        "action_release_reports",
        "action_void",
    },
    "omni.billing.undo.wizard": {"action_undo"},
    "omni.billing.void.wizard": {"action_void", "action_void_and_bill"},
    "omni.billing.webhook": {
        "action_disable",
        "action_enable",
        "action_rotate_secret",
        "action_show_secret",
        "action_test",
    },
    "omni.billing.webhook.delivery": {"action_cancel", "action_send_again"},
    "payment.provider": {"action_billing_update_webhook"},
    "payment.transaction": {"action_billing_dismiss"},
    "payment.token": {
        "action_billing_consent",
        "action_billing_delete",
        "action_billing_replace_default",
        "action_billing_set_default",
    },
    "res.company": {
        "action_billing_leave_proven",
        "action_billing_mailjet_listen",
        "action_billing_prove",
    },
    "res.config.settings": {
        "action_billing_clear_pdfs",
        "action_billing_make_watch_key",
        "action_billing_leave_proven",
        "action_billing_mailjet_listen",
        "action_billing_prove",
    },
    "res.partner": {
        "action_billing_ask_suspend",
        "action_billing_confirm_address",
        "action_billing_pause_reminders",
        "action_billing_reconcile",
        "action_billing_refund_credit",
        "action_billing_refuse_address",
        "action_billing_suspend_now",
    },
}
ARGUMENTS = {"run_step": [[]], "get_preview": [{}]}


@tagged("post_install", "-at_install")
class TestPublicMethods(CardCommon):
    def setUp(self):
        super().setUp()
        # sudo: Odoo keeps transactions and providers from managers.
        self.event = (
            self.env["omni.billing.stripe.event"]
            .sudo()
            .create(
                {
                    "provider_id": self.provider.id,
                    "event_ref": "evt_1",
                    "event_type": "charge.updated",
                }
            )
            .sudo(False)
        )
        self.invoice = self._bill_amounts(45)
        self.charge = self._create_transaction(8)
        self.card.sudo().partner_id = self.customer
        self.reader = self._create_user("reader", "account.group_account_readonly")

    def _find_ours(self):
        """Yield model and name of each method of ours that can be called by RPC."""
        for model, cls in self.env.registry.items():
            ours = [
                part
                for part in cls.mro()
                if part.__module__.startswith("odoo.addons.omni")
            ]
            for name in {name for part in ours for name in vars(part)}:
                method = getattr(cls, name)
                if name.startswith("_") or not inspect.isfunction(method):
                    continue
                is_odoo_s = any(
                    name in vars(part)
                    for part in cls.mro()
                    if not part.__module__.startswith("odoo.addons.omni")
                    and not hasattr(part, "pool")
                )
                if not is_odoo_s and self._is_callable(model, name):
                    yield model, name

    def _is_callable(self, model, name):
        try:
            return bool(get_public_method(self.env[model], name))
        except AccessError:
            return False

    def test_each_public_method_has_a_verdict(self):
        known = {
            (model, name)
            for table in (OPENS, ASKS)
            for model, names in table.items()
            for name in names
        }
        found = {
            (model, name)
            for model, name in self._find_ours()
            if not self.env[model]._abstract
        }
        self.assertEqual(found - known, set(), "say who may call it")
        self.assertEqual(known - found, set())

    def _create_records(self):
        """Return a record of each model, that outsiders have no part in."""
        one = {"invoice_id": self.invoice.id}
        values = self._prepare_dialogs(self.invoice) | {
            "omni.billing.run": {},
            "omni.billing.service": {"partner_id": self.customer.id, "name": "Line"},
            "res.config.settings": {},
        }
        records = [self.invoice, self.charge, self.card, self.event]
        records += [self.customer, self.company, self.provider]
        records.append(self.env["omni.billing.template"].search([], limit=1))
        # sudo: settings are an administrator's; mails, lines and payments the jobs'.
        env = self.env(su=True)
        records += [env[model].create(given) for model, given in values.items()]
        run = records[-3]
        line = {"run_id": run.id, "partner_id": self.customer.id, "state": "parked"}
        line |= {"currency_id": self.currency.id, "company_id": self.company.id}
        records.append(env["omni.billing.run.line"].create(line))
        Installment = env["omni.billing.installment"]
        records.append(Installment.create({"date": self.today, "amount": 1, **one}))
        records.append(self._get_a_cheque(self.invoice))
        request = {"operation": "void", "reason": "X", "company_id": self.company.id}
        records.append(env["omni.billing.request"].create(request))
        rise = {"name": "2026", "date": self.today}
        records.append(env["omni.billing.price.rise"].create(rise))
        payout = {"provider_id": self.provider.id, "company_id": self.company.id}
        records.append(env["omni.billing.payout"].create({"reference": "po", **payout}))
        mail = {"move_id": self.invoice.id, "company_id": self.company.id}
        mail |= {"kind": "invoice", "needs_action": True}
        records.append(env["omni.billing.mail"].create(mail))
        webhook = {"name": "Program", "url": "https://program.example.com/"}
        webhook = env["omni.billing.webhook"].create(webhook)
        records.append(webhook)
        records.append(env["omni.billing.webhook.delivery"]._create_test(webhook))
        records.append(env["payment.transaction"].search([], limit=1))
        env.flush_all()
        records.append(env["omni.billing.todo"].search([("kind", "=", "mail")]))
        return {record._name: record for record in records}

    def test_who_has_no_part_in_billing_is_refused(self):
        records = self._create_records()
        for model, names in ASKS.items():
            for name in names:
                for user in (self.portal, self.outsider, self.reader):
                    with self.subTest(model, name=name, user=user.login):
                        self._check_refused(user, records[model], name)

    def _check_refused(self, user, record, name):
        self.env.invalidate_all()
        called = record.with_env(self.env(user=user, su=False))
        # A download of one's own invoice is Odoo's own report.
        many = (self.invoice + self.other_invoice).ids if "download" in name else None
        with self.assertRaises(AccessError), mute_logger("odoo.addons.base"):
            call_kw(
                called.browse(),
                name,
                [many or record.ids, *ARGUMENTS.get(name, [])],
                {},
            )

    @property
    def other_invoice(self):
        return self._bill_amounts(7)

    def test_settings_are_written_by_administrators_alone(self):
        """Odoo asks in `execute`; `set_values` can be called as well, on nothing."""
        # sudo: parameters are an administrator's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("omni_billing.pdf_max_mb", "77")
        parameters.set_param("omni_billing.image_hosts", "images.example.com")
        manager = self._create_user("chief", "omni_billing.omni_billing_group_manager")
        for user in (self.portal, self.outsider, self.staff, manager):
            Settings = self.env["res.config.settings"].with_user(user)
            with self.subTest(user.login), self.assertRaises(AccessError):
                call_kw(Settings, "set_values", [[]], {})
        administrator = self._create_user("system", "base.group_system")
        Settings = self.env["res.config.settings"].with_user(administrator)
        with self.assertRaises(ValueError):
            call_kw(Settings, "set_values", [[]], {})
        self.assertEqual(parameters.get_param("omni_billing.pdf_max_mb"), "77")
        self.assertEqual(
            parameters.get_param("omni_billing.image_hosts"), "images.example.com"
        )
        Settings.create({"billing_pdf_max_mb": 9}).execute()
        self.assertEqual(parameters.get_param("omni_billing.pdf_max_mb"), "9")

    def test_staff_clear_the_pdf_of_an_invoice(self):
        """F112"""
        self.assertTrue(self.invoice.with_user(self.staff).action_billing_clear_pdf())

    def test_an_import_does_not_tell_what_another_company_imported(self):
        other = self.setup_other_company()["company"]
        self._create_transaction(5, company_id=other.id, external_ref="SECRET-1")
        Transaction = self.env["omni.billing.transaction"].with_user(self.staff)
        names = ["name", "partner_id/.id", "retail_cost", "external_ref", "company_id"]
        row = ["X", str(self.customer.id), "5"]
        for column, company in (
            ("company_id/.id", str(other.id)),
            ("company_id", other.name),
        ):
            names[-1] = column
            told = [
                [
                    message["message"]
                    for message in Transaction.load(names, [[*row, ref, company]])[
                        "messages"
                    ]
                ]
                for ref in ("SECRET-1", "NEW-1")
            ]
            with self.subTest(column):
                self.assertEqual(*told)
