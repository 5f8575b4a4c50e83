"""Free days, minimum term, notice, renewal, exit fee, reasons (W36)."""

from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, freeze_time, tagged

from .test_service_plans import PlanCommon


@tagged("post_install", "-at_install")
class TestServiceTerms(PlanCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.email = "ada@example.com"
        cls.company.billing_notice_days = 30
        cls.reason = cls.env.ref("omni_billing.closing_reason_price")
        cls.bound = cls._add_plan(
            "Bound",
            30,
            billing_term_months=12,
            billing_renewal_months=12,
            billing_exit_fee_kind="rest",
            billing_exit_fee=50,
        )

    def _end(self, service, **values):
        wizard = self.env["omni.billing.end.wizard"].create(
            {"service_id": service.id, "reason_id": self.reason.id} | values
        )
        wizard.action_end()
        return wizard

    def _tell(self, now):
        """Run the job, and return the e-mails that it wrote."""
        before = self.env["mail.mail"].search([])
        with freeze_time(now):
            self.Service._cron_tell_terms()
        return self.env["mail.mail"].search([]) - before

    def _add(self, product, **values):
        return self._add_service(product_id=product.id, **values)

    # === FREE DAYS === #

    def test_free_days_are_not_charged(self):
        """W36: the first charge is after them, for the rest of its period."""
        trial = self._add_plan("Trial", 31, billing_trial=14, billing_setup_price=5)
        with freeze_time("2025-01-05"):
            service = self._add(trial)
            self.assertEqual(service.trial_end, date(2025, 1, 14))
            self.assertEqual(service.state, "running")
            self.assertIn("Free until", service.trial)
            self.assertEqual(service._billing_find_ends(), (date(2025, 1, 14), None))
        self._charge("2025-01-14 12:00:00")
        self.assertEqual(self._read_totals(service), [("2025-01-01", 5)])
        self._charge("2025-02-01 12:00:00")
        self.assertEqual(
            self._read_totals(service),
            [("2025-01-01", 5), ("2025-01-15", 17), ("2025-02-01", 31)],
        )
        self.assertFalse(service.adjustment)

    def test_free_periods(self):
        """W36: whole ones; another plan gives none anew."""
        trial = self._add_plan("T", 30, billing_trial=2, billing_trial_unit="period")
        service = self._add(trial, date_start="2025-01-10", anchor_day=1)
        self.assertEqual(service.trial_end, date(2025, 2, 28))
        self.assertEqual(service.next_date, date(2025, 3, 1))
        with freeze_time("2025-02-10"):
            plan = self._change(service, "now", trial)
            self.assertEqual(plan.trial_end, date(2025, 2, 28))
            self.assertFalse((service | plan).transaction_ids)
        with freeze_time("2025-03-10"):
            self.Service._cron_write_due()
            last = self._change(plan, "now", trial)
            self.assertFalse(last.trial_end)

    def test_end_of_free_days_is_told(self):
        """W36: 7 days before, once, if they are more than 7."""
        trial = self._add_plan("Trial", 31, billing_trial=14)
        short = self._add_plan("Short", 31, billing_trial=7)
        service = self._add(trial)
        self._add(short)
        self._add(trial, date_end="2025-01-10")
        self.assertFalse(self._tell("2025-01-06 12:00:00"))
        mail = self._tell("2025-01-07 12:00:00")
        self.assertEqual(len(mail), 1)
        self.assertIn("ada@example.com", mail.email_to)
        self.assertIn("01/14/2025", mail.body_html)
        self.assertIn("$ 17.00", mail.body_html.replace("\xa0", " "))
        self.assertEqual(service.told_until, date(2025, 1, 14))
        self.assertFalse(self._tell("2025-01-08 12:00:00"))

    # === TERMS === #

    def test_term_and_its_fee(self):
        """W36: shown before; half of what the rest would cost, with the taxes."""
        service = self._add(self.bound)
        self.assertEqual(service.term_end, date(2025, 12, 31))
        with freeze_time("2025-03-10 12:00:00"):
            self.Service._cron_write_due()
            ends = service._billing_find_ends()
            self.assertEqual(ends, (date(2025, 12, 31), date(2025, 4, 9)))
            wizard = self._end(service, last="2025-06-30")
            self.assertEqual(wizard.fee, "$\xa090.00")
            self.assertEqual(service.exit_fee_id.retail_cost, 90)
            self.assertEqual(service.closing_reason_id, self.reason)
            # Entered again, it is not charged again.
            self._end(service, last="2025-06-30")
            self.assertEqual(self._read_fees(service), [("unbilled", 90)])
            with self.assertRaises(UserError):
                service.exit_fee_id = False
            service.date_end = False
            self.assertFalse(service.closing_reason_id)

    def _read_fees(self, service):
        fees = service.transaction_ids.filtered(lambda t: "exit" in t.name)
        return [(t.state, t._get_sign() * t.retail_cost) for t in fees.sorted("id")]

    def test_fee_is_that_of_the_end(self):
        """W36: another end has its own, one that is taken back has none."""
        service = self._add(self.bound)
        with freeze_time("2025-03-10 12:00:00"):
            self.Service._cron_write_due()
            self._end(service, last="2025-06-30")
            wizard = self._end(service, last="2025-05-31")
            self.assertEqual(wizard.fee, "$\xa0105.00")
            fees = [("void", 90), ("unbilled", 105)]
            self.assertEqual(self._read_fees(service), fees)
            # Later, and less: by no dialog either.
            service.date_end = "2025-06-30"
            fees = [("void", 90), ("void", 105), ("unbilled", 90)]
            self.assertEqual(self._read_fees(service), fees)
            service.date_end = False
            fees[2] = ("void", 90)
            self.assertEqual(self._read_fees(service), fees)
            for ended in ({"date_end": "2025-06-30"}, {"active": False}):
                with self.assertRaisesRegex(UserError, "End the Service"):
                    service.write(ended)
            # What is billed is settled by the difference, which is what is shown.
            self._end(service, last="2025-06-30")
            invoice = self._bill(service.exit_fee_id)
            wizard = self._end(service, last="2025-05-31")
            self.assertEqual(wizard.fee, "$\xa015.00")
            fees += [("invoiced", 90), ("unbilled", 15)]
            self.assertEqual(self._read_fees(service), fees)
            service.date_end = False
            fees[4:] = [("void", 15), ("unbilled", -90)]
            self.assertEqual(self._read_fees(service), fees)
            # Of what is canceled on its invoice nothing stands.
            service.transaction_ids.filtered("credit_type_id").action_void()
            charge = service.transaction_ids.filtered(lambda t: t.invoice_id == invoice)
            invoice._billing_cancel_items(charge)
            self.assertEqual(self._end(service, last="2025-06-30").fee, "$\xa090.00")
            # Entered again when another term binds already: nothing is charged anew.
            self._bill(service.exit_fee_id)
        count = len(self._read_fees(service))
        with freeze_time("2025-12-20 12:00:00"):
            self.assertFalse(self._end(service, last="2025-06-30").fee)
        self.assertEqual(len(self._read_fees(service)), count)

    def test_fee_stays_when_its_term_is_over(self):
        """W36: neither an import of the end that it has, nor of another, takes it."""
        self.bound.billing_renewal_months = 0
        service = self._add(self.bound)
        with freeze_time("2025-03-10 12:00:00"):
            self.Service._cron_write_due()
            self._end(service, last="2025-06-30")
            self._bill(service.exit_fee_id)
        with freeze_time("2026-02-01 12:00:00"):
            for end in ("2025-06-30", "2025-07-31"):
                service.date_end = end
                self.assertEqual(self._read_fees(service), [("invoiced", 90)])
            # Nor does the dialog, which shows nothing.
            self.assertFalse(self._end(service, last="2025-08-31").fee)
            self.assertEqual(self._read_fees(service), [("invoiced", 90)])

    def test_what_was_agreed_is_not_proposed_anew(self):
        """W36: nor for another plan; what the product proposed follows the start."""
        service = self._add(self.bound)
        service.date_start = "2025-02-01"
        self.assertEqual(service.term_end, date(2026, 1, 31))
        service.term_end = "2026-06-30"
        service.date_start = "2025-03-01"
        self.assertEqual(service.term_end, date(2026, 6, 30))
        with Form(service) as form:
            form.date_start = "2025-04-01"
        self.assertEqual(service.term_end, date(2026, 6, 30))
        with freeze_time("2025-04-10"):
            plan = self._change(service, "period", self.bound)
            plan.anchor_day = 5
        self.assertEqual(plan.term_end, date(2026, 6, 30))

    def test_one_wrong_letter_stops_no_other(self):
        """W36: what is wrong is written on its service; billing's sender sends them."""
        self.company.billing_mail_sender = "Bills <bills@seller.example>"
        trial = self._add_plan("Trial", 31, billing_trial=14)
        services = self._add(trial) | self._add(trial) | self._add(trial)
        prepare = type(services)._prepare_trial_letter

        def fail(service):
            if service == services[1]:
                raise ValueError("no letter")
            return prepare(service)

        self.patch(type(services), "_prepare_trial_letter", fail)
        with self.assertLogs("odoo.addons.omni_billing", "WARNING"):
            told = self._tell("2025-01-07 12:00:00")
        senders = ["Bills <bills@seller.example>"] * 2
        self.assertEqual(told.mapped("email_from"), senders)
        self.assertEqual(services.mapped("problem"), [False, "no letter", False])
        self.assertFalse(services[1].told_until)

    def test_fee_is_waived_with_a_reason(self):
        """W36: by staff, who say why."""
        service = self._add(self.bound, exit_fee_kind="fixed", exit_fee=80)
        with freeze_time("2025-03-10 12:00:00"):
            with self.assertRaisesRegex(UserError, "why the fee is waived"):
                self._end(service, last="2025-06-30", is_waived=True)
            self._end(service, last="2025-06-30", is_waived=True, note="Ill")
        self.assertFalse(service.exit_fee_id)
        self.assertEqual(service.closing_note, "Ill")
        with self.assertRaisesRegex(UserError, "a reason"):
            self._end(self._add(self.bound), reason_id=False)

    def test_too_late_for_one_term_it_ends_with_the_next(self):
        """W36: and the customer is told in time, once for each term."""
        service = self._add(self.bound)
        with freeze_time("2025-12-15 12:00:00"):
            self.assertEqual(service._billing_find_ends()[0], date(2026, 12, 31))
            self.assertEqual(service._billing_find_term(), date(2025, 12, 31))
        with freeze_time("2026-01-01 12:00:00"):
            self.assertEqual(service._billing_find_term(), date(2026, 12, 31))
        # 45 days before 1 December, the last day to give notice of 30 days.
        self.assertFalse(self._tell("2025-10-15 12:00:00"))
        mail = self._tell("2025-10-17 12:00:00")
        self.assertEqual(len(mail), 1)
        self.assertIn("12/01/2025", mail.body_html)
        self.assertFalse(self._tell("2025-11-17 12:00:00"))
        # Nobody looked for a year: what is too late is not told.
        self.assertFalse(self._tell("2026-12-17 12:00:00"))
        self.assertEqual(service.tell_date, date(2027, 10, 17))
        self.company.billing_tell_days = 44
        self.assertEqual(service.tell_date, date(2027, 10, 18))
        service.date_end = "2027-12-31"
        self.assertFalse(service.tell_date)

    def test_managers_keep_the_reasons(self):
        """W36: staff choose one."""
        Reason = self.env["omni.billing.closing.reason"].with_user(self.staff)
        self.assertTrue(Reason.search([]))
        with self.assertRaises(AccessError):
            Reason.create({"name": "Mine"})
        with self.assertRaises(AccessError):
            Reason.with_user(self.portal).search([])
