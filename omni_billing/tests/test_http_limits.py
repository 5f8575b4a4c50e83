"""Nobody tries cards, keeps a customer from paying, or has the server draw all day."""

from types import SimpleNamespace
from unittest.mock import patch

from odoo.fields import Datetime
from odoo.tests import tagged

from odoo.addons.omni_billing import const
from odoo.addons.payment import utils as payment_utils

from .test_http_portal import PortalCommon

LIMIT = "odoo.addons.omni_billing.models.base.omni_billing_limit"


class LimitCommon(PortalCommon):
    def setUp(self):
        super().setUp()
        # sudo: settings and providers are an administrator's.
        self.parameters = self.env["ir.config_parameter"].sudo()
        self.limits = self.env["omni.billing.limit"].sudo()
        seam = patch.object(
            type(self.env["payment.transaction"]),
            "_get_specific_processing_values",
            lambda *_args: {},
        )
        seam.start()
        self.addCleanup(seam.stop)

    def _set_limit(self, what, whom, value):
        self.parameters.set_param(f"omni_billing.limit_{what}_{whom}", value)

    def _post_json(self, path, **params):
        return self.url_open(path, json={"params": params})

    def _prepare_form(self, **values):
        return {
            "provider_id": self.provider.id,
            "payment_method_id": self.method.id,
            "token_id": None,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/my",
        } | values

    def _begin(self, invoice, token=None):
        return self._post_json(
            f"/my/billing/pay/transaction/{invoice.id}",
            amount=invoice.amount_residual,
            access_token=token,
            **self._prepare_form(),
        )

    def _save_one(self):
        """Begin to save a card, as Odoo's own page does."""
        partner = self.portal.partner_id
        return self._post_json(
            "/payment/transaction",
            amount=None,
            currency_id=None,
            partner_id=partner.id,
            access_token=self._make_token(partner.id, None, None),
            is_validation=True,
            **self._prepare_form(tokenization_requested=True),
        )

    def _make_token(self, *values):
        """Return what Odoo's own page of payments is opened with."""
        return payment_utils.generate_access_token(*values, env=self.env)

    def _bill_with_link(self, count=1):
        invoices = [self._bill_one(45) for _number in range(count)]
        for invoice in invoices:
            invoice._portal_ensure_token()
        return invoices

    def _count_begun(self):
        # sudo: payments are internal.
        return self.env["payment.transaction"].sudo().search_count([])

    def _assert_refused_for(self, response, seconds):
        """It is 429, says when to come back, and says it in words too."""
        self.assertEqual(response.status_code, 429, response.text[:300])
        self.assertLessEqual(int(response.headers["Retry-After"]), seconds)
        self.assertGreater(int(response.headers["Retry-After"]), 0)

    def _assert_begun(self, response):
        self.assertEqual(response.status_code, 200)
        self.assertIn("result", response.json(), response.text[:500])


@tagged("post_install", "-at_install")
class TestPaymentLimits(LimitCommon):
    def test_cards_are_not_tried(self):
        """Fifteen in a second is no person."""
        with patch.object(
            type(self.env["payment.provider"]),
            "_get_validation_currency",
            lambda p: p.env.company.currency_id,
        ):
            before = self._count_begun()
            answers = [self._save_one() for _try in range(15)]
        at_once, step = const.LIMITS["card"]["account"]
        for response in answers[:at_once]:
            self._assert_begun(response)
        for response in answers[at_once:]:
            self._assert_refused_for(response, step)
            error = response.json()["error"]
            self.assertIn("Too many cards", error["data"]["message"])
            self.assertRegex(error["data"]["message"], r"\d min")
        self.assertEqual(self._count_begun() - before, at_once)

    def test_each_way_to_begin_a_payment_is_counted(self):
        """One count for all of Odoo's routes and ours."""
        self._set_limit("payment", "account", "4/60")
        [invoice] = self._bill_with_link()
        partner = self.portal.partner_id
        token = self._make_token(partner.id, 45.0, invoice.currency_id.id)
        doors = [
            lambda: self._begin(invoice),
            lambda: self._post_json(
                f"/invoice/transaction/{invoice.id}",
                access_token=invoice.access_token,
                amount=45,
                **self._prepare_form(),
            ),
            lambda: self._post_json(
                "/payment/transaction",
                amount=45.0,
                currency_id=invoice.currency_id.id,
                partner_id=partner.id,
                access_token=token,
                **self._prepare_form(),
            ),
            lambda: self._post_json(
                "/my/billing/pay/charge",
                ids=str(invoice.id),
                card_id=self.card.id,
                amount=45,
            ),
        ]
        self.gateway.decline()
        for door in doors:
            self.assertEqual(door().status_code, 200)
        before = self._count_begun()
        for door in doors:
            self._assert_refused_for(door(), 60)
        self.assertEqual(self._count_begun(), before)

    def test_overdue_invoices_are_counted_too(self):
        self._set_limit("payment", "account", "1/60")
        # Odoo pays those of the one who asks.
        contact = self.portal.partner_id
        charge = self._create_transaction(45, partner_id=contact.id)
        self._bill(charge, partner_id=contact.id, date_due="2020-01-01")
        answers = [
            self._post_json(
                "/invoice/transaction/overdue",
                payment_reference="x",
                amount=45,
                **self._prepare_form(),
            )
            for _try in range(2)
        ]
        self._assert_begun(answers[0])
        self._assert_refused_for(answers[1], 60)

    def test_guest_is_counted_by_link_and_address(self):
        self._set_limit("payment", "guest", "2/60")
        first, second = self._bill_with_link(2)
        self.authenticate(None, None)
        for _try in range(2):
            self._assert_begun(self._begin(first, first.access_token))
        self._assert_refused_for(self._begin(first, first.access_token), 60)
        # Another link, and the same link elsewhere, are not.
        self._assert_begun(self._begin(second, second.access_token))
        with patch.object(type(self.limits), "_get_address", lambda _self: "8.8.8.8"):
            self._assert_begun(self._begin(first, first.access_token))
        # Nor is the customer, who logs in.
        self.authenticate("portal-test", "portal-test")
        self._assert_begun(self._begin(first))

    def test_link_and_address_are_counted_over_all(self):
        for whom in ("link", "address"):
            with self.subTest(whom):
                self.limits.search([]).unlink()
                self._set_limit("payment", whom, "2/60")
                invoice, other = self._bill_with_link(2)
                self.authenticate(None, None)
                for number in range(3):
                    used = invoice if whom == "link" or number != 1 else other
                    address = f"8.8.8.{number}" if whom == "link" else "8.8.8.8"
                    with patch.object(
                        type(self.limits), "_get_address", lambda _self, a=address: a
                    ):
                        answer = self._begin(used, used.access_token)
                    if number < 2:
                        self._assert_begun(answer)
                self._assert_refused_for(answer, 60)
                self._set_limit("payment", whom, "")

    def test_time_passes(self):
        self._set_limit("payment", "account", "2/60")
        invoice = self._bill_one(45)
        for _try in range(2):
            self._assert_begun(self._begin(invoice))
        self._assert_refused_for(self._begin(invoice), 60)
        row = self.limits.search([("key", "like", "payment-account-")])
        row.free_at = Datetime.subtract(row.free_at, seconds=61)
        row.flush_recordset()
        self._assert_begun(self._begin(invoice))
        self._assert_refused_for(self._begin(invoice), 60)

    def test_staff_are_not_counted(self):
        self._set_limit("payment", "account", "1/60")
        self.authenticate("staff-test", "staff-test")
        [invoice] = self._bill_with_link()
        for _try in range(3):
            self._assert_begun(
                self._post_json(
                    f"/invoice/transaction/{invoice.id}",
                    access_token=invoice.access_token,
                    amount=45,
                    **self._prepare_form(),
                )
            )
        self.assertFalse(self.limits.search([]))

    def test_pages_write_nothing(self):
        invoice = self._bill_one(45)
        for path in (
            "/my/billing",
            "/my/billing/cards",
            f"/my/billing/invoices/{invoice.id}",
            f"/my/billing/invoices/{invoice.id}/pay",
        ):
            self._open(path)
        self.assertFalse(self.limits.search([]))

    def test_settings(self):
        """An administrator says how often; what is no limit is none."""
        for setting, begun in (("off", 12), ("12/60", 12), ("many", 10), ("1", 10)):
            with self.subTest(setting):
                self.limits.search([]).unlink()
                self._set_limit("payment", "account", setting)
                invoice = self._bill_one(45)
                for _try in range(begun):
                    self._assert_begun(self._begin(invoice))
                if setting != "off":
                    self.assertEqual(self._begin(invoice).status_code, 429)

    def test_what_is_over_is_forgotten(self):
        self._begin(self._bill_one(45))
        rows = self.limits.search([])
        self.assertTrue(rows)
        rows._gc()
        self.assertEqual(self.limits.search([]), rows)
        rows[0].free_at = Datetime.subtract(Datetime.now(), seconds=1)
        rows.flush_recordset()
        rows._gc()
        self.assertEqual(self.limits.search([]), rows[1:])

    def test_addresses(self):
        """A network of one person is one address; a proxy is nobody's."""
        for address, forwarded, expected in (
            ("8.8.4.4", False, "8.8.4.4"),
            ("8.8.4.4", True, "8.8.4.4"),
            ("127.0.0.1", False, "127.0.0.1"),
            ("10.0.0.2", True, ""),
            ("2001:db8:1:2:3::4", False, "2001:db8:1:2::/64"),
            ("2001:db8:1:2:5::6", False, "2001:db8:1:2::/64"),
            (None, False, ""),
        ):
            headers = {"X-Forwarded-For": "1.1.1.1"} if forwarded else {}
            request = SimpleNamespace(
                httprequest=SimpleNamespace(remote_addr=address, headers=headers)
            )
            with (
                self.subTest(address, forwarded=forwarded),
                patch(f"{LIMIT}.request", request),
            ):
                self.assertEqual(self.limits._get_address(), expected)


@tagged("post_install", "-at_install")
class TestGuestsBesideTheCustomer(LimitCommon):
    """Who has a link keeps the customer from nothing."""

    def setUp(self):
        super().setUp()
        # Stripe is told of each payment that begins.
        Transaction = type(self.env["payment.transaction"])

        def begin(tx, *_args):
            if tx.operation != "validation" and tx.invoice_ids:
                tx.invoice_ids._billing_check_chargeable(tx)
            self._wait_for_card(tx)
            return {}

        seam = patch.object(Transaction, "_get_specific_processing_values", begin)
        seam.start()
        self.addCleanup(seam.stop)
        [self.invoice] = self._bill_with_link()

    def _begin_as(self, login):
        self.authenticate(login, login)
        token = None if login == "portal-test" else self.invoice.access_token
        return self._begin(self.invoice, token)

    def _get_states(self):
        # sudo: payments are internal.
        return self.invoice.sudo().transaction_ids.sorted("id").mapped("state")

    def test_what_the_customer_began_goes_on(self):
        """A guest, and a customer of another company with the link."""
        self._assert_begun(self._begin_as("portal-test"))
        for login in (None, "foreign-test"):
            with self.subTest(login=login):
                error = self._begin_as(login).json()["error"]
                self.assertIn("begun to pay", error["data"]["message"])
        self.assertEqual(self._get_states(), ["draft"])
        self.assertEqual(self.gateway.charges["pi_0"].status, "requires_payment_method")

    def test_customer_is_not_kept_from_paying(self):
        """What guests began gives way, however many there are."""
        for _try in range(3):
            self._assert_begun(self._begin_as(None))
        self._assert_begun(self._begin_as("portal-test"))
        self.assertEqual(self._get_states(), ["cancel"] * 3 + ["draft"])

    def test_customer_who_confirms_with_the_bank_goes_on(self):
        self.gateway.ask_customer()
        self.invoice.with_user(self.portal)._billing_charge(
            self.card, is_customer_present=True
        )
        error = self._begin_as(None).json()["error"]
        self.assertIn("begun to pay", error["data"]["message"])
        # sudo: attempts are internal.
        self.assertTrue(self.invoice.sudo().billing_attempt_id.billing_is_open)

    def test_customer_who_went_away_holds_up_nobody(self):
        self._assert_begun(self._begin_as("portal-test"))
        # sudo: payments are internal.
        begun = self.invoice.sudo().transaction_ids
        past = Datetime.now() - const.PAYING_GRACE
        self.env.cr.execute(
            "UPDATE payment_transaction SET create_date = %s WHERE id = %s",
            [past, begun.id],
        )
        begun.invalidate_recordset()
        self._assert_begun(self._begin_as(None))
        self.assertEqual(self._get_states(), ["cancel", "draft"])

    def test_customer_in_two_tabs_is_as_before(self):
        """W1"""
        self._assert_begun(self._begin_as("portal-test"))
        self._assert_begun(self._begin_as("portal-test"))
        self.assertEqual(self._get_states(), ["cancel", "draft"])


@tagged("post_install", "-at_install")
class TestPdfLimits(LimitCommon):
    """Only what has to be drawn is counted."""

    def test_each_door_is_counted(self):
        self._set_limit("pdf", "account", "1/60")
        doors = [
            "/my/billing/invoices/{id}/pdf",
            "/my/invoices/{id}?report_type=pdf&download=true",
        ]
        for door in doors:
            with self.subTest(door):
                self.limits.search([]).unlink()
                first, second = self._bill_one(45), self._bill_one(45)
                self.assertEqual(
                    self.url_open(door.format(id=first.id)).status_code, 200
                )
                refused = self.url_open(door.format(id=second.id))
                self._assert_refused_for(refused, 60)
                self.assertIn("Too many documents", refused.text)
                # What is there is given, as often as it is asked for.
                self.assertEqual(
                    self.url_open(door.format(id=first.id)).status_code, 200
                )

    def test_guest(self):
        self._set_limit("pdf", "guest", "1/60")
        [invoice] = self._bill_with_link()
        self.authenticate(None, None)
        path = (
            f"/my/billing/invoices/{invoice.id}/pdf?access_token={invoice.access_token}"
        )
        self.assertEqual(self.url_open(path).status_code, 200)
        self.assertEqual(self.url_open(path).status_code, 200)
        invoice.action_billing_clear_pdf()
        self._assert_refused_for(self.url_open(path), 60)

    def test_staff_are_not_counted(self):
        self._set_limit("pdf", "account", "1/60")
        self.authenticate("staff-test", "staff-test")
        for _try in range(3):
            path = f"/my/billing/invoices/{self._bill_one(45).id}/pdf"
            self.assertEqual(self.url_open(path).status_code, 200)
        self.assertFalse(self.limits.search([]))

    def test_payment_that_is_booked_makes_what_it_needs(self):
        """A receipt is no reason to refuse the booking."""
        self._set_limit("pdf", "account", "1/3600")
        invoice = self._bill_one(45)
        for path, kind, is_counted in (
            ("/my/billing/invoices/1/pdf", "http", True),
            ("/payment/stripe/return", "http", False),
            ("/my/billing/pay/charge", "jsonrpc", False),
        ):
            request = SimpleNamespace(
                dispatcher=SimpleNamespace(routing_type=kind),
                httprequest=SimpleNamespace(
                    path=path, remote_addr="8.8.8.8", headers={}
                ),
                env=self.env(user=self.portal),
            )
            with self.subTest(path), patch(f"{LIMIT}.request", request):
                self.limits.search([]).unlink()
                invoice.action_billing_clear_pdf()
                invoice._billing_get_pdf()
                self.assertEqual(bool(self.limits.search([])), is_counted)
