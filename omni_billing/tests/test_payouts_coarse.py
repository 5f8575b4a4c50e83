"""Payouts in a currency that Stripe counts finer than the books."""

from odoo.tests import tagged

from .settlement_common import SettlementCommon


@tagged("post_install", "-at_install")
class TestPayoutsCoarse(SettlementCommon):
    """Stripe takes a part of a Taiwan dollar; the books have whole ones."""

    def setUp(self):
        super().setUp()
        self.currency = self.setup_other_currency(
            "TWD", rounding=1, rates=[("2016-01-01", 1)]
        )

    def _charge_whole(self, amount):
        invoice = self._bill_amounts(amount, currency_id=self.currency.id)
        invoice._billing_charge(self.card)
        return invoice, list(self.gateway.charges)[-1]

    def _pay_out_whole(self, *movements, **values):
        self._pay_out(*movements, currency="twd", **values)
        self.Payout._cron_fetch()
        return self._find_payout(values.get("reference", "po_1"))

    def _check(self, payout, fee):
        self.assertEqual(payout.state, "booked", payout.reason)
        self.assertEqual(sum(payout.row_ids.mapped("net")), payout.amount)
        self.assertEqual(sum(payout.row_ids.mapped("fee")), fee)
        for row in payout.row_ids:
            self.assertEqual(row.amount - row.fee, row.net)
        self.assertEqual(self._get_balance(self.transit), payout.amount)
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_fees_come_to_what_is_paid_out(self):
        rows = [
            self._move_charge(self._charge_whole(amount)[1], fee, currency="twd")
            for amount, fee in ((141, 450), (94, 345), (71, 440), (50, 165))
        ]
        # 14.00 of fees, and each of them would be rounded to a sum of 15.
        self._check(self._pay_out_whole(*rows), 14)

    def test_tax_is_no_more_than_its_fee(self):
        self.company.sudo().billing_fee_tax_account_id = self.fee_tax
        rows = [
            self._move_charge(self._charge_whole(amount)[1], 60, tax=50, currency="twd")
            for amount in (100, 80, 60, 40, 20)
        ]
        payout = self._pay_out_whole(*rows)
        self._check(payout, 3)
        for row in payout.row_ids:
            self.assertLessEqual(row.fee_tax, row.fee)

    def test_fee_apart_takes_what_is_left(self):
        _invoice, intent = self._charge_whole(100)
        fee = self._move("stripe_fee", -30, currency="twd")
        row = self._move_charge(intent, 370, currency="twd")
        payout = self._pay_out_whole(row, fee)
        self.assertEqual(payout.state, "booked", payout.reason)
        self.assertEqual((payout.amount, payout.fee), (96, 4))
        self.assertEqual(self._get_balance(self.fees), 4)
        self.assertEqual(self._get_balance(self.clearing), 0)

    def test_refund_and_dispute_stay_whole(self):
        kept, intent = self._charge_whole(100)
        _lost, disputed = self._charge_whole(60)
        kept._billing_refund(40)
        (refund,) = self.gateway.refunds.values()
        self._dispute(disputed, fee=1530, currency="twd")
        (withdrawn,) = self.gateway.disputes["dp_1"].movements
        payout = self._pay_out_whole(
            self._move_charge(intent, 345, currency="twd"),
            self._move_refund(refund, currency="twd", source_currency="twd"),
            self._move_charge(disputed, 215, currency="twd"),
            withdrawn,
        )
        # 0.30 of the dispute's fee are of the others': 39.10 are paid out.
        self.assertEqual((payout.state, payout.amount), ("booked", 39), payout.reason)
        by_kind = {row.category: row for row in payout.row_ids}
        self.assertEqual((by_kind["refund"].net, by_kind["refund"].fee), (-40, 0))
        self.assertEqual((by_kind["dispute"].net, by_kind["dispute"].fee), (-75, 15))
        self.assertEqual(sum(payout.row_ids.mapped("net")), 39)
        self.assertEqual(self._get_balance(self.clearing), 0)
