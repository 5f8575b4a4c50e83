"""Other programs are told what happens in billing (W39)."""

import json
import re
import runpy
from datetime import timedelta
from pathlib import Path
from unittest import skipUnless

from odoo import fields
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.tools.database import savepoint

from .card_common import CardCommon
from .test_proven import ProvenCommon
from .webhook_common import WebhookCommon

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


@tagged("post_install", "-at_install")
class TestWebhooksOfInvoices(WebhookCommon):
    """W39: an event is in the outbox if and only if it happened."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company_data_2 = cls.setup_other_company()

    def _bill_one(self, cost=45.0, **values):
        return self._bill(self._create_transaction(cost, **values))

    def test_posted_and_paid_are_told_in_this_order(self):
        self.customer.ref = "C-17"
        invoice = self._bill_one(45.5, tax_ids=self.tax_10)
        self.assertEqual(self._get_told(), ["invoice.posted"])
        self._pay(invoice, mode="bank")
        self.assertEqual(self._get_told(), ["invoice.posted", "invoice.paid"])
        posted, paid = self._send()
        self.assertEqual(posted["type"], "invoice.posted")
        self.assertLess(posted["data"]["sequence"], paid["data"]["sequence"])
        self.assertEqual(posted["data"]["state"], "unpaid")
        self.assertEqual(paid["data"]["state"], "paid")
        del posted["data"]["sequence"], posted["data"]["state"]
        self.assertEqual(
            posted["data"],
            {
                "id": invoice.id,
                "company_id": self.company.id,
                "number": invoice.name,
                "reference": None,
                "invoice_date": str(invoice.invoice_date),
                "due_date": str(invoice.invoice_date_due),
                "currency": self.currency.name,
                "amount_untaxed": "45.50",
                "amount_tax": "4.55",
                "amount_total": "50.05",
                "customer": {"id": self.customer.id, "reference": "C-17"},
            },
        )
        moment = posted["timestamp"]
        self.assertTrue(moment.endswith("+00:00"), moment)

    def test_message_names_nobody(self):
        """No name, address or text of what was bought leaves the books."""
        self.customer.write({"email": "jo@acme.example", "street": "5 Elm Street"})
        self._bill_one(name="Very private thing")
        self._send()
        [message] = self.programs.sent
        for secret in ("Acme", "acme.example", "Elm", "private"):
            self.assertNotIn(secret, message.body)

    def test_part_of_the_money_is_not_paid(self):
        invoice = self._bill_one(45)
        self._pay(invoice, mode="bank", amount=20)
        self.assertEqual(self._get_told(), ["invoice.posted"])
        self._pay(invoice, mode="bank", amount=25)
        self.assertEqual(self._get_told(), ["invoice.posted", "invoice.paid"])

    def test_payment_that_is_undone_is_told(self):
        invoice = self._bill_one()
        self._pay(invoice, mode="bank")
        lines = invoice.line_ids.filtered(
            lambda line: line.account_type == "asset_receivable"
        )
        lines.remove_move_reconcile()
        self.assertEqual(
            self._get_told(), ["invoice.posted", "invoice.paid", "invoice.reopened"]
        )
        self.assertEqual(self._send()[-1]["data"]["state"], "unpaid")

    def test_void_is_told_whichever_way(self):
        """By cancelling, where it is a draft on the way, or by a credit note."""
        self.company.billing_void_method = "cancel"
        invoice = self._bill_one()
        invoice.action_billing_void("mistake")
        self.assertEqual(invoice.state, "cancel")
        self.assertEqual(self._get_told(), ["invoice.posted", "invoice.void"])
        other = self._bill_one()
        other.action_billing_void("mistake", by_credit_note=True)
        rows = self._get_rows().filtered(lambda row: row.res_id == other.id)
        kinds = rows.mapped("kind")
        self.assertEqual((kinds[0], kinds[-1]), ("invoice.posted", "invoice.void"))
        self.assertIn("credit_note.posted", self._get_told())

    def test_invoice_that_is_credited_in_whole_is_refunded(self):
        invoice = self._bill_one(45)
        invoice._reverse_moves(cancel=True)
        told = self._get_told()
        self.assertIn("invoice.refunded", told)
        self.assertIn("credit_note.posted", told)
        bodies = {body["type"]: body["data"] for body in self._send()}
        note = bodies["credit_note.posted"]
        self.assertEqual(note["invoice"], {"id": invoice.id, "number": invoice.name})
        self.assertEqual(note["amount_total"], "45.00")

    def test_draft_is_nobodys_business(self):
        draft = self._create_draft(self._create_transaction())
        draft.button_cancel()
        self.assertFalse(self._get_told())

    def test_what_is_undone_is_not_told(self):
        transaction = self._create_transaction()
        with self.assertRaises(ZeroDivisionError), savepoint(self.env):
            self._bill(transaction)
            self.env.flush_all()
            self.assertEqual(self._get_told(), ["invoice.posted"])
            raise ZeroDivisionError
        self.assertFalse(self._get_told())

    def test_program_is_told_what_it_chose_of_its_company(self):
        chosen = self._listen("invoice.paid")
        foreign = self._listen(company_id=self.company_data_2["company"].id)
        gone = self._listen(active=False)
        self._pay(self._bill_one(), mode="bank")
        self.assertEqual(self._get_told(chosen), ["invoice.paid"])
        self.assertFalse(self._get_told(foreign))
        self.assertFalse(self._get_told(gone))

    def test_statements_without_a_program(self):
        """Nothing is asked for by Odoo if nobody listens, and little if many do."""
        self.webhook.active = False
        self._bill_one()
        invoice = self._bill_one()
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self._pay(invoice, mode="bank")
        self.env.flush_all()
        without = self.env.cr.sql_log_count - before
        self.webhook.active = True
        invoice = self._bill_one()
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self._pay(invoice, mode="bank")
        self.env.flush_all()
        self.assertLessEqual(self.env.cr.sql_log_count - before, without)


@tagged("post_install", "-at_install")
class TestWebhooksOfFastBilling(ProvenCommon, WebhookCommon):
    """W39, W45: invoices that are written as rows are told of, too."""

    def test_each_invoice_is_told_once(self):
        invoices, written, reasons = self._bill(self._create_batches(6))
        self.assertEqual(written, 4, reasons)
        rows = self._get_rows()
        self.assertEqual(set(rows.mapped("kind")), {"invoice.posted"})
        self.assertEqual(sorted(rows.mapped("res_id")), sorted(invoices.ids))
        self.assertEqual(len(self._send()), 6)


@tagged("post_install", "-at_install")
class TestWebhooksOfPayments(CardCommon, WebhookCommon):
    """W39: a payment that failed."""

    @mute_logger("odoo.addons.omni_billing.models.cards")
    def test_declined_charge_is_told_once(self):
        [invoice] = self._bill_amounts(50)
        self.gateway.decline(decline_code="insufficient_funds")
        invoice._billing_charge(self.card, 50)
        told = [body for body in self._send() if body["type"] == "payment.failed"]
        self.assertEqual(len(told), 1)
        data = told[0]["data"]
        self.assertEqual(data["amount"], "50.00")
        self.assertEqual(data["decline_code"], "insufficient_funds")
        self.assertEqual(data["invoices"], [{"id": invoice.id, "number": invoice.name}])
        self.assertNotIn("4242", json.dumps(told))

    @mute_logger("odoo.addons.omni_billing.models.cards")
    def test_branch_is_told_of_what_its_customers_could_not_pay(self):
        """The provider, and so the payment, is of the company above."""
        branch = self.company.create(
            {"name": "Branch", "parent_id": self.company.id, "country_id": False}
        )
        self._listen("payment.failed", company_id=branch.id)
        # Another branch's, which has no part in it.
        idle = self.company.create({"name": "Idle", "parent_id": self.company.id})
        stranger = self._listen("payment.failed", company_id=idle.id)
        [invoice] = self._bill_amounts(50)
        self.gateway.decline(decline_code="insufficient_funds")
        attempt = invoice._billing_charge(self.card, 50)
        his = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "company_id": branch.id,
            }
        )
        for invoices, told in ((his, [his]), (invoice + his, [invoice, his])):
            with self.subTest(count=len(invoices)):
                # sudo: an empty outbox.
                self.Delivery.sudo().search([]).unlink()
                attempt.invoice_ids = invoices
                attempt._billing_note_failed()
                bodies = [body["data"] for body in self._send()]
                bodies.sort(key=lambda data: data["company_id"])
                self.assertEqual(
                    [(body["company_id"], body["invoices"]) for body in bodies],
                    [
                        (one.company_id.id, [{"id": one.id, "number": one.name}])
                        for one in told
                    ],
                )
        self.assertFalse(self._get_rows(stranger))


@tagged("post_install", "-at_install")
class TestWebhooksOfServices(WebhookCommon):
    """W39: a service starts, is suspended, goes on and ends; mostly as a day comes."""

    def _create_service(self, **values):
        return self.env["omni.billing.service"].create(
            {
                "name": "Line 555 0199",
                "partner_id": self.customer.id,
                "price_unit": 31,
                "unit": "month",
                "date_start": "2025-01-10",
            }
            | values
        )

    def _look(self, day):
        """Have the job look on a day."""
        with freeze_time(f"{day} 12:00:00"):
            self.env.flush_all()
            self.env.invalidate_all()
            self.env["omni.billing.service"]._cron_look_at_states()
            return [kind.partition(".")[2] for kind in self._get_told()]

    def test_each_turn_is_told_on_its_day_and_once(self):
        with freeze_time("2025-01-05 12:00:00"):
            service = self._create_service(
                suspended_from="2025-02-01",
                suspended_to="2025-02-10",
                date_end="2025-03-31",
            )
        told = []
        for day, turn in (
            ("2025-01-09", None),
            ("2025-01-10", "started"),
            ("2025-01-31", None),
            ("2025-02-01", "suspended"),
            ("2025-02-10", None),
            ("2025-02-11", "resumed"),
            ("2025-03-31", None),
            ("2025-04-01", "ended"),
            ("2025-04-02", None),
        ):
            told += [turn] if turn else []
            with self.subTest(day=day):
                self.assertEqual(self._look(day), told)
                self.assertEqual(self._look(day), told)
        with freeze_time("2025-04-02 12:00:00"):
            bodies = self._send()
        self.assertEqual(
            [body["data"]["state"] for body in bodies],
            ["running", "suspended", "running", "ended"],
        )
        self.assertEqual(bodies[1]["data"]["suspended_to"], "2025-02-10")
        self.assertEqual(bodies[0]["data"]["id"], service.id)
        self.assertNotIn("555", json.dumps(bodies))

    def test_what_staff_do_is_told_at_once(self):
        with freeze_time("2025-01-20 12:00:00"):
            service = self._create_service()
            service.write({"suspended_from": "2025-01-20"})
            service.action_resume()
            service.active = False
            service.active = True
            service.date_end = "2025-01-19"
        self.assertEqual(
            [kind.partition(".")[2] for kind in self._get_told()],
            ["started", "suspended", "resumed", "ended", "resumed", "ended"],
        )

    def test_service_that_is_deleted_has_ended(self):
        with freeze_time("2025-01-20 12:00:00"):
            service = self._create_service()
            service_id = service.id
            service.unlink()
            bodies = self._send()
        self.assertEqual(
            [body["type"] for body in bodies], ["service.started", "service.ended"]
        )
        self.assertEqual(bodies[-1]["data"]["id"], service_id)

    def test_service_that_does_not_recur_is_nobodys_business(self):
        self._create_service(unit=False)
        self.assertFalse(self._get_told())

    def test_many_services_cost_as_many_statements_as_few(self):
        def count(number):
            with freeze_time("2025-01-05 12:00:00"):
                values = [
                    {
                        "name": f"Line {n}",
                        "partner_id": self.customer.id,
                        "unit": "month",
                        "date_start": "2025-01-10",
                    }
                    for n in range(number)
                ]
                self.env["omni.billing.service"].create(values)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            with freeze_time("2025-01-10 12:00:00"):
                self.env["omni.billing.service"]._cron_look_at_states()
                self.env.flush_all()
            return self.env.cr.sql_log_count - before

        count(2)
        few = count(2)
        self.assertLessEqual(count(40), few + 4)

    def test_day_is_that_of_the_customer(self):
        """In Auckland it is the day on which it starts already, in Honolulu not yet."""
        self.customer.tz = "Pacific/Auckland"
        other = self.env["res.partner"].create(
            {"name": "Surf", "tz": "Pacific/Honolulu"}
        )
        with freeze_time("2025-01-05 12:00:00"):
            early = self._create_service()
            self._create_service(partner_id=other.id)
        with freeze_time("2025-01-09 12:00:00"):
            self.env["omni.billing.service"]._cron_look_at_states()
        self.assertEqual(self._get_rows().mapped("res_id"), early.ids)

    def test_hook_gets_each_turn(self):
        """Docs promise `_note_turn` to addons that provide services."""
        Service = type(self.env["omni.billing.service"])
        seen, original = [], Service._note_turn

        def note(services, before, after):
            seen.append((len(services), before, after))
            return original(services, before, after)

        self.patch(Service, "_note_turn", note)
        with freeze_time("2025-01-20 12:00:00"):
            service = self._create_service()
            service.write({"suspended_from": "2025-01-20"})
        self.assertEqual(seen, [(1, False, "running"), (1, "running", "suspended")])

    def test_services_from_before_are_nothing_new(self):
        """The migration to 19.0.1.11.0."""
        folder = Path(__file__).resolve().parents[1] / "migrations/19.0.1.11.0"
        with freeze_time("2025-01-20 12:00:00"):
            service = self._create_service(date_end="2025-02-01")
            self.env.flush_all()
            self.env.cr.execute("UPDATE omni_billing_service SET known_state = NULL")
            self.env.invalidate_all()
            script = runpy.run_path(str(folder / "post-service-states.py"))
            script["migrate"](self.env.cr, "19.0.1.10.0")
            self.env.invalidate_all()
        self.assertEqual(service.known_state, "running")
        self.assertEqual(self._look("2025-01-20"), ["started"])
        self.assertEqual(self._look("2025-02-02"), ["started", "ended"])


@tagged("post_install", "-at_install")
class TestWebhooksInTheDocs(CardCommon, WebhookCommon):
    """W39: docs/api.md shows what is sent, and nothing else."""

    @skipUnless(DOCUMENT.exists(), "docs/api.md is not here")
    def test_examples_have_the_keys_of_what_is_sent(self):
        text = DOCUMENT.read_text().partition("<!-- events -->")[2]
        examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
        examples = {one["type"]: one for one in map(json.loads, examples)}
        [invoice] = self._bill_amounts(50)
        self.gateway.decline(decline_code="insufficient_funds")
        invoice._billing_charge(self.card, 50)
        invoice._reverse_moves(cancel=True)
        self.env["omni.billing.service"].create(
            {
                "name": "Line",
                "partner_id": self.customer.id,
                "unit": "month",
                "date_start": "2025-01-01",
                "suspended_from": "2025-01-02",
            }
        )
        sent = {body["type"]: body for body in self._send()}
        self.assertEqual(len(examples), 4)
        for kind, example in examples.items():
            with self.subTest(kind):
                self.assertEqual(_get_shape(example), _get_shape(sent[kind]))

    @skipUnless(DOCUMENT.exists(), "docs/api.md is not here")
    def test_each_kind_is_listed(self):
        text = DOCUMENT.read_text().partition("## Be told")[2]
        for kind in self.webhook.kind_ids:
            self.assertIn(f"`{kind.code}`", text)


def _get_shape(value):
    """Return the names in a value, and where they are."""
    if isinstance(value, dict):
        return {key: _get_shape(one) for key, one in value.items()}
    return [_get_shape(one) for one in value] if isinstance(value, list) else None


@tagged("post_install", "-at_install")
class TestWebhookKept(WebhookCommon):
    """W39: messages are kept for a while, what nobody took for longer."""

    def test_old_messages_go(self):
        for number, state in enumerate(("sent", "failed", "queued", "sent")):
            row = self.Delivery.sudo()._create_test(self.webhook)
            row.write({"state": state})
            age = 100 if number == 3 else 40
            self.env.flush_all()
            self.env.cr.execute(
                "UPDATE omni_billing_webhook_delivery SET create_date = %s"
                " WHERE id = %s",
                [fields.Datetime.now() - timedelta(days=age), row.id],
            )
        self.env.invalidate_all()
        self.Delivery.sudo()._gc_deliveries()
        self.assertEqual(self._get_rows().mapped("state"), ["failed", "queued"])

    def test_secret_of_before_is_forgotten(self):
        self.webhook.action_rotate_secret()
        webhook = self.webhook.sudo()
        webhook._gc_secrets()
        self.assertTrue(webhook.old_secret)
        with freeze_time(fields.Datetime.now() + timedelta(hours=25)):
            webhook._gc_secrets()
        self.assertFalse(webhook.old_secret)
