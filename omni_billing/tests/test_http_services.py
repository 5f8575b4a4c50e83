"""What customers see of their services, and do with them (W37)."""

from datetime import date, timedelta

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import freeze_time, tagged

from .test_http_portal import PortalCommon
from .test_service_plans import PlanCommon

URL = "/my/billing/services"


@tagged("post_install", "-at_install")
class TestServices(PortalCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write(
            {
                "billing_pause_days": 60,
                "billing_lets_end": True,
                "billing_notice_days": 30,
            }
        )
        cls.service = cls._add_service()

    @classmethod
    def _add_service(cls, **values):
        return cls.env["omni.billing.service"].create(
            {
                "name": "Gym, all week",
                "partner_id": cls.customer.id,
                "price_unit": 30,
                "unit": "month",
                "date_start": "2025-01-01",
                "tax_ids": [Command.set(cls.tax_10.ids)],
            }
            | values
        )

    def _charge(self):
        self.env["omni.billing.service"]._cron_write_due()

    def _change(self, operation, service=None, status=200, **values):
        service = service or self.service
        if operation == "end":
            reason = self.env.ref("omni_billing.closing_reason_move")
            day = service._billing_get_last_day() or ""
            values = {"reason_id": reason.id, "last": f"{day}|"} | values
        response = self._post(f"{URL}/{service.id}/{operation}", **values)
        self.assertEqual(response.status_code, status)
        self.env.invalidate_all()
        return " ".join(response.text.split())

    def _read_letter(self):
        """Return the latest e-mail that confirms what the customer did."""
        # sudo: the outbox is the server's.
        mails = self.env["mail.mail"].sudo().search([], order="id desc", limit=1)
        return mails.body_html

    # === WHAT IS SHOWN === #

    @freeze_time("2025-03-10 12:00:00")
    def test_customer_sees_services_and_what_is_charged_next(self):
        """W37: price as agreed, the next charge with its taxes."""
        self._charge()
        self._add_service(name="Locker", unit=False)
        [link] = self._open("/my/billing").xpath("//section[@id='services']//a/@href")
        tree = self._open(link)
        [row, locker] = self._read(tree, "//li[@data-id]")
        self.assertIn("Gym, all week Running $ 30.00 a month plus tax", row)
        self.assertIn("Next charge: 04/01/2025, $ 33.00", row)
        self.assertEqual(locker, "Locker Not Recurring")
        tree = self._open(f"{URL}/{self.service.id}")
        rows = self._read(tree, "//table[hasclass('o_billing_next')]/tbody/tr")
        self.assertEqual(len(rows), 4)
        self.assertIn("04/01/2025 Gym, all week, 04/01/2025", rows[0])

    @freeze_time("2025-03-10 12:00:00")
    def test_price_is_that_of_today(self):
        """W37: after a change of price, and of every other month."""
        self.service.write(
            {
                "interval": 2,
                "change_ids": [
                    Command.create(
                        {"date": "2025-03-01", "price_unit": 40, "quantity": 1}
                    ),
                    Command.create(
                        {"date": "2025-05-01", "price_unit": 50, "quantity": 1}
                    ),
                ],
            }
        )
        found = self.service._billing_describe_price()
        self.assertEqual(found, "$\xa040.00 every 2 months")

    @freeze_time("2025-03-10 12:00:00")
    def test_queries_do_not_grow_with_the_services(self):
        """W37: what each is charged next is computed, and looked up for all."""

        def count(path):
            self._open(path)  # fills caches
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self._open(path)
            return self.cr.sql_log_count - before

        counts = []
        for _many in range(2):
            for number in range(10):
                self._add_service(name=f"Line {number}")
            self.env.flush_all()
            counts.append((count(URL), count(f"{URL}/{self.service.id}")))
        self.assertEqual(counts[0], counts[1])

    def test_no_services_no_section(self):
        """W37: who has none is not led to an empty page."""
        self.service.partner_id = self.stranger
        self.assertFalse(self._open("/my/billing").xpath("//section[@id='services']"))
        self.assertIn("no services", self._open(URL).text_content())

    def test_services_of_others_are_not_there(self):
        """W37: nor can they be changed."""
        foreign = self._add_service(partner_id=self.stranger.id)
        self.assertEqual(self.url_open(f"{URL}/{foreign.id}").status_code, 404)
        self.assertEqual(self.url_open(f"{URL}/{2**40}").status_code, 404)
        self._change("end", foreign, status=404)
        self.assertFalse(foreign.date_end)

    def test_portal_user_writes_no_service(self):
        """W37: not by RPC either; what may be done goes through the page."""
        user = self.portal
        with self.assertRaises(AccessError):
            self.service.with_user(user).write({"date_end": "2025-01-31"})
        with self.assertRaises(AccessError):
            self.service.with_user(user).action_suspend()

    def test_contact_who_sees_no_account_changes_nothing(self):
        """W37: billing is open to invoice contacts only, if the company wants so."""
        self.company.billing_portal_scope = "invoice"
        self._change("end", status=404)
        self.assertFalse(self.service.date_end)

    # === AUTOMATIC PAYMENT === #

    def test_customer_pays_a_service_otherwise(self):
        """W32: off and on again; who pays nothing automatically is not asked."""
        # sudo: cards are the server's.
        cards = self.env["payment.token"].sudo()
        card = cards.search([("partner_id", "=", self.customer.id)], limit=1)
        card._billing_withdraw("By phone")
        self.assertNotIn("Automatic Payment", self._open_service())
        card._billing_agree("portal")
        self.assertIn("is paid automatically", self._open_service())
        text = self._change("autopay_off")
        self.assertIn("you pay each invoice with it yourself", text)
        self.assertEqual(self.service.autopay_off, "customer")
        self._change("autopay_on")
        self.assertFalse(self.service.autopay_off)

    def _open_service(self):
        return self._open(f"{URL}/{self.service.id}").text_content()

    # === DEBTS === #

    def test_customer_reads_what_prevents_a_suspension(self):
        """W35: the day, the amount and a button to pay; nothing for other contacts."""
        level = self.env["omni.billing.reminder.level"].search([("days", "=", 30)])
        level.suspends = True
        self.company.billing_reminders = True
        self.customer.email = "acme@example.com"
        invoice = self._bill(
            self._create_transaction(45), date_due=self.today - timedelta(days=30)
        )
        # sudo: jobs.
        self.env["omni.billing.reminder"].sudo()._cron_remind()
        invoice.billing_mail_ids.sudo().state = "sent"
        for url in ("/my/billing", URL, f"{URL}/{self.service.id}"):
            [told] = self._open(url).xpath("//*[@data-suspension]")
            self.assertIn("will be suspended on", told.text_content())
            self.assertIn("unless $ 45.00", told.text_content().replace("\xa0", " "))
            self.assertEqual(told.xpath(".//a/@href"), ["/my/billing/pay?ids=all"])
        self.company.billing_portal_scope = "invoice"
        self.assertFalse(self._open("/my/billing").xpath("//*[@data-suspension]"))

    def test_customer_cannot_lift_a_suspension_for_debts(self):
        """W35: not by the button of its own pauses, nor by RPC."""
        self.company.billing_lets_end = False
        row = self.service.suspension_ids.create(
            {
                "service_id": self.service.id,
                "date_from": self.today,
                "reason": "overdue",
            }
        )
        self.assertIn("cannot be resumed here", self._change("resume"))
        self.assertFalse(row.date_to)
        for step in (
            row.with_user(self.portal).unlink,
            self.service.with_user(self.portal).action_resume,
        ):
            with self.assertRaises(AccessError):
                step()

    # === PAUSE === #

    @freeze_time("2025-03-10 12:00:00")
    def test_customer_pauses_and_days_are_not_charged(self):
        """W37: from the day after what is charged, and no day of it is charged."""
        self._charge()
        text = self._change("pause", date_from="2025-04-01", date_to="2025-04-30")
        self.assertEqual(self.service.suspended_from, date(2025, 4, 1))
        self.assertEqual(self.service.suspended_to, date(2025, 4, 30))
        self.assertIn("Suspended from 04/01/2025 to 04/30/2025", text)
        self.assertEqual(self.service.next_date, date(2025, 5, 1))
        log = self.env["omni.billing.activity.log"].search([], limit=1)
        self.assertEqual(log.action, "service_paused")
        self.assertEqual(log.create_uid, self.portal)
        letter = self._read_letter()
        self.assertIn("from 04/01/2025 to 04/30/2025", letter)
        self.assertIn("goes on by itself on 05/01/2025", letter)
        # One that ends meanwhile does not.
        self.service.date_end = "2025-04-15"
        self.service.suspension_ids.unlink()
        self._change("pause", date_from="2025-04-01", date_to="2025-04-30")
        letter = self._read_letter()
        self.assertIn("it ends on 04/15/2025", letter)
        self.assertNotIn("05/01/2025", letter)

    @freeze_time("2025-03-10 12:00:00")
    def test_pause_begins_after_what_is_charged(self):
        """W37: what is paid in advance is not paid back by a click."""
        self._charge()
        text = self._change("pause", date_from="2025-03-11", date_to="2025-03-20")
        self.assertIn("can begin on 04/01/2025 at the earliest", text)
        self.assertFalse(self.service.suspended_from)

    @freeze_time("2025-03-10 12:00:00")
    def test_pause_is_not_longer_than_allowed(self):
        """W37: days of twelve months are counted together."""
        self._charge()
        text = self._change("pause", date_from="2025-04-01", date_to="2025-05-31")
        self.assertIn("for 60 days at most", text)
        for first, last in (("", ""), ("2025-04-02", "2025-04-01"), ("x", "1")):
            self._change("pause", date_from=first, date_to=last)
            self.assertFalse(self.service.suspended_from)
        self._change("pause", date_from="2025-04-01", date_to="2025-05-30")
        self.assertTrue(self.service.suspended_from)

    @freeze_time("2025-03-10 12:00:00")
    def test_company_that_lets_nobody_pause(self):
        """W37: no form, and no way around it."""
        self.company.write({"billing_pause_days": 0, "billing_lets_end": False})
        tree = self._open(f"{URL}/{self.service.id}")
        [form] = tree.xpath("//form[contains(@action, '/services/')]/@action")
        self.assertTrue(form.endswith("/autopay_off"))
        self.assertIn("please ask us", tree.text_content())
        self._change("pause", date_from="2025-06-01", date_to="2025-06-02")
        self._change("resume")
        self._change("end")
        self.assertFalse(self.service.suspended_from or self.service.date_end)

    @freeze_time("2025-03-10 12:00:00")
    def test_customer_takes_a_pause_back(self):
        """W37: before it begins, as if there had been none."""
        self._charge()
        self._change("pause", date_from="2025-04-01", date_to="2025-04-30")
        self._change("resume")
        self.assertFalse(self.service.suspended_from)
        self.assertEqual(self.service.next_date, date(2025, 4, 1))
        self.assertIn("took the pause of Gym, all week back", self._read_letter())

    def test_days_used_of_a_charged_period_are_charged(self):
        """W37: a pause that is ended within a period that was charged in part."""
        with freeze_time("2025-01-10 12:00:00"):
            self._charge()
            self._change("pause", date_from="2025-02-02", date_to="2025-02-28")
        with freeze_time("2025-02-01 12:00:00"):
            self._charge()
        with freeze_time("2025-02-03 12:00:00"):
            self._change("resume")
        self.assertIn("is charged, from today", self._read_letter())
        charges = self.service.transaction_ids.filtered(
            lambda one: one.period_start.month == 2
        )
        # 1 February, and the 3rd to the 28th, of 30 a month.
        self.assertAlmostEqual(sum(charges.mapped("retail_cost")), 30 * 27 / 28, 2)
        self.assertFalse(self.service.adjustment)

    @freeze_time("2025-03-10 12:00:00")
    def test_customer_does_not_resume_what_staff_suspended(self):
        """W37: until further notice is theirs."""
        self.service.with_user(self.staff).action_suspend()
        tree = self._open(f"{URL}/{self.service.id}")
        self.assertFalse(tree.xpath("//form[contains(@action, '/resume')]"))
        self.assertIn("cannot be resumed here", self._change("resume"))
        self.assertTrue(self.service.suspended_from)

    @freeze_time("2025-03-10 12:00:00")
    def test_customer_takes_back_only_what_the_customer_paused(self):
        """W37: staff made one of it until further notice, or planned another one."""
        self._change("pause", date_from="2025-04-01", date_to="2025-04-10")
        service = self.service.with_user(self.staff)
        service.suspended_to = False
        self.assertIn("cannot be resumed here", self._change("resume"))
        self.assertTrue(self.service.suspended_from)
        service.write({"suspended_from": False, "suspended_to": False})
        self._change("pause", date_from="2025-04-01", date_to="2025-04-10")
        service.write({"suspended_from": "2025-05-01", "suspended_to": "2025-05-31"})
        self._change("resume")
        self.assertEqual(self.service.suspension_ids.date_from, date(2025, 5, 1))
        self.assertIn("cannot be resumed here", self._change("resume"))
        # Nor do days of staff's count as the customer's.
        first = date(2025, 6, 1)
        self.assertEqual(self.service._billing_get_pause_days_left(first), 60)

    # === END === #

    @freeze_time("2025-03-10 12:00:00")
    def test_customer_ends_with_notice(self):
        """W37: the notice, and what is charged, whichever is later."""
        self._charge()
        tree = self._open(f"{URL}/{self.service.id}")
        [last] = tree.xpath("//input[@name='last']/@value")
        # What was not shown is not done.
        self.assertIn("not hold any more", self._change("end", last=""))
        text = self._change("end", last=last)
        self.assertEqual(self.service.date_end, date(2025, 4, 9))
        self.assertIn("Until 04/09/2025", text)
        self.assertNotIn("End This Service", text)
        # Again: it ends already, and not later than before.
        self.assertIn("ends already", self._change("end"))
        self.assertEqual(self.service.date_end, date(2025, 4, 9))

    @freeze_time("2025-03-10 12:00:00")
    def test_what_is_charged_is_used(self):
        """W37: a year that is paid is not cut off by a month's notice."""
        service = self._add_service(unit="year")
        self._charge()
        self._change("end", service)
        self.assertEqual(service.date_end, date(2025, 12, 31))
        self.assertFalse(service.adjustment)
        self.assertFalse(service.next_date)

    @freeze_time("2025-03-10 12:00:00")
    def test_end_within_the_term(self):
        """W36: a fee that was shown, or the end of the term; and why."""
        self._charge()
        self.customer.email = "ada@example.com"
        self.service.write(
            {"term_end": "2025-12-31", "exit_fee_kind": "fixed", "exit_fee": 20}
        )
        tree = self._open(f"{URL}/{self.service.id}")
        values = tree.xpath("//input[@name='last']/@value")
        self.assertEqual(values, ["2025-12-31|", "2025-04-09|$\xa022.00"])
        for wrong in ("", "2025-04-09|", "2025-04-08|$\xa022.00", "2025-04-30|"):
            self.assertIn("not hold any more", self._change("end", last=wrong))
        text = self._change("end", last=values[1], reason_id="x")
        self.assertIn("choose a reason", text)
        self.assertFalse(self.service.date_end)
        before = self.env["mail.mail"].search([])
        self._change("end", last=values[1], note="Bye")
        self.assertEqual(self.service.date_end, date(2025, 4, 9))
        self.assertEqual(self.service.exit_fee_id.amount_total, 22)
        self.assertEqual(self.service.closing_note, "Bye")
        mail = self.env["mail.mail"].search([]) - before
        self.assertIn("22.00", mail.body_html)


@tagged("post_install", "-at_install")
class TestServicePlansOnPages(PortalCommon, PlanCommon):
    """W37: customers change their plans, as far as the company lets them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.billing_plan_rule = "upgrade"
        cls.service = cls._add_service()

    def _change(self, operation, service=None, status=200, **values):
        service = service or self.service
        if operation == "end":
            reason = self.env.ref("omni_billing.closing_reason_move")
            day = service._billing_get_last_day() or ""
            values = {"reason_id": reason.id, "last": f"{day}|"} | values
        response = self._post(f"{URL}/{service.id}/{operation}", **values)
        self.assertEqual(response.status_code, status)
        self.env.invalidate_all()
        return " ".join(response.text.split())

    def _look(self, plan):
        tree = self._open(f"{URL}/{self.service.id}/plan?product_id={plan.id}")
        return tree, "".join(tree.xpath("//input[@name='seen']/@value"))

    @freeze_time("2025-04-16 12:00:00")
    def test_customer_sees_it_and_changes_it(self):
        """W37: what costs more at once; what was shown is what is charged."""
        self.Service._cron_write_due()
        tree = self._open(f"{URL}/{self.service.id}")
        plans = self._read(tree, "//ul[hasclass('o_billing_plans')]/li")
        self.assertIn("Large $ 60.00 a month, from 04/16/2025 on", plans[0])
        # 300 a year is less than 30 a month.
        self.assertIn("Year $ 300.00 a year, from 05/01/2025 on", plans[1])
        tree, seen = self._look(self.large)
        rows = self._read(tree, "//section[1]//tbody/tr")
        self.assertIn("-$16.50", rows[0].replace("\ufeff", "").replace(" ", ""))
        self.assertIn("Total $ 13.50", rows[2])
        text = self._change("plan", product_id=self.large.id, seen="other")
        self.assertIn("not what was shown", text)
        self.assertFalse(self.service.replaced_by_ids)
        self._change("plan", product_id=self.large.id, seen=seen)
        new = self.service.replaced_by_ids
        self.assertEqual(new.product_id, self.large)
        charges = (self.service | new).transaction_ids.filtered(
            lambda t: t.date == date(2025, 4, 16)
        )
        total = sum(charges.mapped("amount_total"))
        self.assertAlmostEqual(total, 13.5)
        log = self.env["omni.billing.activity.log"].search([], limit=1)
        self.assertEqual((log.action, log.create_uid), ("service_plan", self.portal))

    @freeze_time("2025-04-16 12:00:00")
    def test_customer_redeems_a_coupon(self):
        """W37: its code; none that is another's, or for staff alone."""
        self.Service._cron_write_due()
        path = f"{URL}/{self.service.id}"
        self.assertFalse(self._open(path).xpath("//form[contains(@action, 'coupon')]"))
        Coupon = self.env["omni.billing.coupon"]
        values = {"name": "Spring", "value": 20}
        Coupon.create(values | {"code": "HERS", "partner_ids": self.stranger.ids})
        Coupon.create(values | {"code": "STAFF", "is_own": False})
        Coupon.create(values | {"code": "MINE"})
        for code in ("HERS", "STAFF", "", "%", "MIN_"):
            self.assertIn("cannot be redeemed", self._change("coupon", code=code))
        foreign = self._add_service(partner_id=self.stranger.id)
        self._change("coupon", foreign, 404, code="MINE")
        self.assertFalse(self.service.discount_ids)
        text = self._change("coupon", code="mine")
        self.assertIn("20% off (Spring) from 05/01/2025 to 05/31/2025", text)
        self.assertEqual(self._change("coupon", code="MINE").count("cannot be"), 1)
        # Who tries many codes is told by the status, and in words.
        # sudo: settings are an administrator's.
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param("omni_billing.limit_coupon_account", "1/600")
        text = self._change("coupon", status=429, code="MINE")
        self.assertIn("Too many codes", text)
        with self.assertRaises(AccessError):
            self.service.with_user(self.portal).action_redeem()

    @freeze_time("2025-04-16 12:00:00")
    def test_customer_keeps_the_plan_of_today(self):
        """W37: until the day comes; to end it, the change is taken back first."""
        self.Service._cron_write_due()
        self.company.billing_lets_end = True
        self.service.change_ids = [
            Command.create({"date": "2026-03-01", "quantity": 2, "price_unit": 30})
        ]
        tree, seen = self._look(self.yearly)
        self.assertIn("the quantity is 2 from 03/01/2026 on", tree.text_content())
        text = self._change("plan", product_id=self.yearly.id, seen=seen)
        self.assertIn("Upcoming", text)
        self.assertEqual(self.service.date_end, date(2025, 4, 30))
        self.assertIn("cannot be ended here", self._change("end"))
        text = self._change("keep")
        self.assertFalse(self.service.date_end or self.service.replaced_by_ids)
        self.assertIn("no change", self._change("keep"))
        # What was used in arrears is not taken back to be charged as the other plan.
        late = self._add_service(timing="arrears")
        self.large.billing_timing = "arrears"
        preview = late._billing_preview_own_plan(self.large)
        late._billing_change_own_plan(self.large, preview["seen"])
        self.assertTrue(late.can_undo_plan)
        self.assertIn("no change", self._change("keep", late))
        # Nor is what staff changed.
        theirs = self._add_service()
        preview = theirs._billing_preview_plan(self.large, "period")
        theirs._billing_change_plan(self.large, "period", preview["seen"])
        self.assertTrue(theirs.can_undo_plan)
        self.assertIn("no change", self._change("keep", theirs))

    @freeze_time("2025-04-16 12:00:00")
    def test_customer_reaches_no_plan_that_is_not_offered(self):
        """W37: by no route, nor by RPC; nor that of somebody else's service."""
        self.Service._cron_write_due()
        secret = self._add_plan("Secret", 1)
        seen = self.service._billing_preview_plan(secret, "period")["seen"]
        for plan in (secret.id, self.small.id, 0, "x", 2**40):
            text = self._change("plan", product_id=plan, seen=seen)
            self.assertIn("cannot be changed to that", text)
            self._open(f"{URL}/{self.service.id}/plan?product_id={plan}")
        foreign = self._add_service(partner_id=self.stranger.id)
        self._change("plan", foreign, 404, product_id=self.large.id, seen=seen)
        self._change("keep", foreign, 404)
        path = f"{URL}/{foreign.id}/plan?product_id={self.large.id}"
        self.assertEqual(self.url_open(path).status_code, 404)
        for method in ("action_undo_plan", "action_change_plan"):
            with self.assertRaises(AccessError):
                getattr(self.service.with_user(self.portal), method)()
        with self.assertRaises(AccessError):
            self.service.with_user(self.portal).write({"product_id": secret.id})
        self.company.billing_plan_rule = False
        self._change("plan", product_id=self.large.id, seen=seen)
        self.assertFalse(self.service.replaced_by_ids)
        tree = self._open(f"{URL}/{self.service.id}")
        self.assertFalse(tree.xpath("//a[contains(@href, '/plan?')]"))
