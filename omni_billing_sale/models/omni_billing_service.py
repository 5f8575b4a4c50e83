from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import format_date

from odoo.addons.omni_billing.tools.lock import lock_or_tell, take_turns
from odoo.addons.omni_billing.tools.write_guard import trust


class OmniBillingService(models.Model):
    """A service that was sold: it follows the quantity of its line (W38)."""

    _inherit = "omni.billing.service"

    sale_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        readonly=True,
        copy=False,
        check_company=True,
        ondelete="set null",
        groups="base.group_user",
    )
    sale_order_id = fields.Many2one(
        related="sale_line_id.order_id",
        string="Sales Order",
        store=True,
        index="btree_not_null",
        ondelete="set null",
        groups="base.group_user",
    )

    # A line is one service, whoever confirms its order at the same time.
    _sale_line_unique = models.UniqueIndex(
        "(sale_line_id) WHERE sale_line_id IS NOT NULL",
        "This line of the order has a service already.",
    )

    @api.model
    def _billing_get_state_fields(self):
        """Override of `omni_billing`: which line it is of is written by orders."""
        return super()._billing_get_state_fields() | {"sale_line_id", "sale_order_id"}

    def _sale_follow(self, quantity, before):
        """Take over the quantity of the order's line.

        What was never used nor charged is as the line says now, or archived. Else
        another quantity holds from today on, and the end is today. An end that the
        line did not set stays, and so does one that is over: staff are told.

        :param float quantity: 0 ends it.
        :param float before: how many the line had in Billing; 0 if it ended it.
        """
        self.ensure_one()
        lock_or_tell(self)
        # What is charged at the same time is charged before, or as the order says.
        take_turns(self)
        today = self._get_today()
        if self.date_start > today and self._billing_can_undo_plan():
            # What the order says is of the plan that is in force.
            self._sale_tell_plan()
            self._billing_undo_plan(is_over=True)._sale_follow(quantity, before)
        elif not quantity:
            self._sale_end(today)
        elif self._sale_can_restart(before):
            trust(self).write(self.sale_line_id._billing_prepare_restart(quantity))
        elif not self.active or (self.date_end and self.date_end < today):
            self._sale_tell_over()
        else:
            if self.date_end and before:
                self._sale_tell_end_stays()
            elif self.date_end:
                trust(self).date_end = False
                self._sale_tell_goes_on()
            self._sale_change_quantity(quantity, today)

    def _sale_can_restart(self, before):
        """Whether it was ended by its line, and never used: it is begun anew.

        Another plan is not: the days before are of the plan before.
        """
        is_over = not (before or self.active or self.replaces_id)
        return is_over and not self._sale_is_charged()

    def _note_plan(self, plan):
        """Override of `omni_billing`: the line goes on with the new plan."""
        result = super()._note_plan(plan)
        self._sale_hand_over(plan)
        return result

    def _note_plan_undone(self, plan):
        """Override of `omni_billing`: and comes back."""
        result = super()._note_plan_undone(plan)
        plan._sale_hand_over(self)
        return result

    def _sale_hand_over(self, other):
        """Have another service be that of the line."""
        line = self.sale_line_id
        trust(self).sale_line_id = False
        # A line is one service, at each moment.
        self.flush_recordset(["sale_line_id"])
        trust(other).sale_line_id = line

    def _sale_find_order(self):
        """Return the order of a service, or of the plan that took its place."""
        service = self
        while service and not service.sale_order_id:
            service = service.replaced_by_ids[:1]
        return service.sale_order_id

    def _sale_is_charged(self):
        """Whether anything of it was ever charged, whatever became of that."""
        Transaction = self.env["omni.billing.transaction"]
        return bool(
            self.charged_until
            or Transaction.search_count(Domain("service_id", "=", self.id), limit=1)
        )

    def _sale_end(self, today):
        """End it today, or archive what was neither used before today nor charged."""
        start = self.date_start or today
        if start >= today and not self._sale_is_charged():
            trust(self).active = False
        elif not self.date_end or self.date_end > today:
            last = max(today, start)
            fee = self._billing_describe_exit_fee(last)
            trust(self).date_end = last
            self._sale_tell_ended()
            if fee:
                self._sale_tell_fee(fee)

    def _sale_change_quantity(self, quantity, today):
        """Have another quantity hold from today on, at the prices that hold.

        Changes that are to come, as a price rise, have it as well.
        """
        compare = self.sale_line_id._billing_compare
        day = max(today, self.date_start or today)
        begun = self.change_ids.filtered(lambda change: change.date <= day)
        last = begun.sorted("date")[-1:]
        other = (self.change_ids - begun).filtered(
            lambda change: compare(change.quantity, quantity)
        )
        first_day = min(other.mapped("date"), default=None)
        if compare((last or self).quantity, quantity):
            first_day = day
            if last.date == day:
                other |= last
            elif day == self.date_start and not self._sale_is_charged():
                trust(self).quantity = quantity
            else:
                trust(self.env["omni.billing.service.change"]).create(
                    {
                        "service_id": self.id,
                        "date": day,
                        "quantity": quantity,
                        "price_unit": (last or self).price_unit,
                    }
                )
        if other:
            trust(other).quantity = quantity
        if first_day and self.charged_until and self.charged_until >= first_day:
            self._sale_tell_charged(first_day)

    # === WHAT STAFF ARE TOLD === #

    def _sale_tell_plan(self):
        """Tell that another plan was to follow, and does not any more."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(order)s was changed: %(service)s, which was to be the plan from"
                " %(date)s on, was taken back. Change the plan anew if it is still"
                " wanted.",
                order=order.name,
                service=self.name,
                date=format_date(self.env, self.date_start),
            )
        )

    def _sale_tell_ended(self):
        """Tell what is left to settle of a service that ends with its order."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(service)s of %(order)s ends today. See whether a part of a period"
                " that is charged is to be credited: open the service.",
                service=self.name,
                order=order.name,
            )
        )

    def _sale_tell_fee(self, fee):
        """Tell that an exit fee was agreed, which no order charges."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(service)s of %(order)s ends before what was agreed. The exit fee of"
                " %(fee)s, taxes included, is not charged: use “End the Service” if it"
                " is to be.",
                service=self.name,
                order=order.name,
                fee=fee,
            )
        )

    def _sale_tell_over(self):
        """Tell that what is ordered is not charged, as its service is over."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(service)s of %(order)s has ended, or is archived, and stays so: what"
                " is ordered now is not charged. Add a service if it is to go on.",
                service=self.name,
                order=order.name,
            )
        )

    def _sale_tell_end_stays(self):
        """Tell that a service ends, though another quantity of it is ordered."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(service)s of %(order)s has another quantity, and still ends on"
                " %(date)s. Open the service if it is to go on.",
                service=self.name,
                order=order.name,
                date=format_date(self.env, self.date_end),
            )
        )

    def _sale_tell_goes_on(self):
        """Tell that a service has no end any more, not even one agreed before."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(service)s of %(order)s goes on, without an end. If another one had"
                " been agreed, enter it on the service.",
                service=self.name,
                order=order.name,
            )
        )

    def _sale_tell_charged(self, day):
        """Tell that a period that is charged has another quantity by now."""
        order = self.sale_order_id
        order._billing_tell_to_settle(
            self.env._(
                "%(service)s of %(order)s has another quantity from %(date)s on, and is"
                " charged beyond that day. Open the service, and adjust what is"
                " charged.",
                service=self.name,
                order=order.name,
                date=format_date(self.env, day),
            )
        )
