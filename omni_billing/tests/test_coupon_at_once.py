"""Two at once at a coupon."""

from threading import Barrier, Thread

from odoo.exceptions import UserError
from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from .at_once import AtOnceCase


@tagged("-standard", "-at_install", "post_install", "omni_billing_at_once")
class TestCouponAtOnce(AtOnceCase):
    """W36: the last use of a coupon is of one, whoever else is at it."""

    def setUp(self):
        super().setUp()
        with self._connect() as env:
            company = env["res.company"].search([("chart_template", "!=", False)])[0]
            customers = env["res.partner"].create([{"name": "One"}, {"name": "Two"}])
            services = env["omni.billing.service"].create(
                [
                    {
                        "name": "Gym",
                        "partner_id": customer.id,
                        "company_id": company.id,
                        "price_unit": 30,
                        "unit": "month",
                        "date_start": "2099-01-01",
                    }
                    for customer in customers
                ]
            )
            coupon = env["omni.billing.coupon"].create(
                {
                    "name": "Last",
                    "code": "LAST-ONE",
                    "value": 20,
                    "max_uses": 1,
                    "company_id": company.id,
                }
            )
            self.service_ids, self.coupon_id = services.ids, coupon.id
            self.customer_ids = customers.ids
            self.addCleanup(self._end)

    def _end(self):
        """Leave nothing behind."""
        with self._connect() as env:
            env["omni.billing.service"].browse(self.service_ids).unlink()
            env["omni.billing.coupon"].browse(self.coupon_id).unlink()
            env["omni.billing.activity.log"].search(
                [("commercial_partner_id", "in", self.customer_ids)]
            ).unlink()
            env["res.partner"].browse(self.customer_ids).unlink()

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_last_use_is_of_one(self):
        both, answers = Barrier(2), []

        def redeem(service_id):
            with self._connect() as env:
                service = env["omni.billing.service"].browse(service_id)
                # Each has seen that there is a use left.
                coupon = env["omni.billing.coupon"].browse(self.coupon_id)
                self.assertTrue(coupon._billing_fits(service))
                both.wait(timeout=30)
                try:
                    retrying(lambda: service._billing_redeem("LAST-ONE"), env)
                    answers.append("done")
                except UserError as error:
                    answers.append(str(error))

        threads = [Thread(target=redeem, args=[one]) for one in self.service_ids]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        answers.sort(key=lambda answer: answer != "done")
        self.assertEqual(answers[0], "done")
        self.assertIn("used up", answers[1])
        with self._connect() as env:
            coupon = env["omni.billing.coupon"].browse(self.coupon_id)
            self.assertEqual((coupon.uses, len(coupon.discount_ids)), (1, 1))
