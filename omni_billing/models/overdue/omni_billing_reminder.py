from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

#: What became of a message that did not go out, or did not arrive.
LOST = ("bounced", "blocked", "failed")


class OmniBillingReminderLevel(models.Model):
    """A level that suspends services: it says so, and when (W35)."""

    _inherit = "omni.billing.reminder.level"

    suspends = fields.Boolean(
        string="Suspends Services",
        help="The message says from which day on the customer's services are suspended,"
        " and what has to be paid before. They go on when that is paid. It is sent with"
        " Odoo's template, not with one of Mailjet's, which may leave it out.",
    )
    suspend_days = fields.Integer(
        string="Days of Grace",
        default=7,
        help="How many days after its message services are suspended.",
    )
    suspend_minimum = fields.Float(
        string="Suspends from",
        help="What the customer owes that is late enough for this level, in the"
        " company's currency. Less suspends nothing.",
    )
    tells_suspension = fields.Boolean(
        string="Tells of It",
        default=True,
        help="The customer gets an e-mail when services are suspended, and when they go"
        " on.",
    )

    _suspend_valid = models.Constraint(
        "CHECK(suspend_days BETWEEN 1 AND 365 AND suspend_minimum >= 0)",
        "Services are suspended 1 to 365 days after the message, from an amount on that"
        " is not less than zero.",
    )

    @api.constrains("suspends", "days", "to_customer")
    def _check_suspends(self):
        for level in self.filtered("suspends"):
            if level.days < 1 or not level.to_customer:
                raise ValidationError(
                    self.env._(
                        "“%(level)s” suspends services: it has to be after the due"
                        " date, and its message has to go to the customer.",
                        level=level.name,
                    )
                )

    def _is_in_force(self):
        """Whether services are suspended by it."""
        self.ensure_one()
        return self.active and self.suspends

    def _is_enough(self, amount, currency):
        """Whether a customer is suspended who owes so much that is late enough.

        :param float amount: with taxes.
        :param currency: of the amount, the company's.
        """
        self.ensure_one()
        is_owed = currency.compare_amounts(amount, 0) > 0
        return is_owed and currency.compare_amounts(amount, self.suspend_minimum) >= 0


class OmniBillingReminder(models.Model):
    """The notice that services will be suspended (W35)."""

    _inherit = "omni.billing.reminder"

    suspend_on = fields.Date(
        string="Suspends on",
        readonly=True,
        help="From that day on services are suspended, if it is not paid. Empty: they"
        " are not, or what the notice was about was paid since.",
    )

    is_waived = fields.Boolean(
        string="Not Wanted",
        readonly=True,
        help="Staff took the notice out of the outbox: it does not come back by"
        " itself.",
    )

    unwarned = fields.Float(
        string="Not Warned of",
        readonly=True,
        help="What the customer owed that was late enough for this level when its"
        " message went out, and was no notice all the same. Only more than that is"
        " told anew. In the company's currency.",
    )

    _notice_idx = models.Index("(move_id) WHERE suspend_on IS NOT NULL")

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: a level is come to anew if its notice does not stand."""
        self._forget_notices(vals_list)
        reminders = super().create(vals_list)
        reminders._announce()
        return reminders

    @api.model
    def _get_due_domain(self, level, company):
        """Override: who was not warned of a suspension yet comes to its level again.

        Whoever owes too little for it is looked at each time, and not reminded.
        """
        domain = super()._get_due_domain(level, company)
        if not level._is_in_force():
            return domain
        Move, Service = self.env["account.move"], self.env["omni.billing.service"]
        today = fields.Date.context_today(self)
        served = Service._search(Service._get_suspendable_domain(company))
        return domain | (
            Move._billing_get_remindable_domain(company)
            & Move._billing_get_due_domain(today - timedelta(days=level.days))
            & Domain("billing_reminder_ids", "not any", [("suspend_on", "!=", False)])
            & Domain(
                "billing_reminder_ids",
                "not any",
                [("level_id", "=", level.id), ("is_waived", "=", True)],
            )
            & Domain(
                "commercial_partner_id",
                "in",
                served.subselect("commercial_partner_id"),
            )
        )

    @api.model
    def _forget_notices(self, vals_list):
        """Delete what was noted of levels that suspend, and that are come to again."""
        pairs = {
            (values.get("move_id"), values.get("level_id")) for values in vals_list
        }
        levels = self.env["omni.billing.reminder.level"].browse(
            {level for _move, level in pairs if level}
        )
        suspending = levels.filtered("suspends")
        if not suspending:
            return
        known = self.search(
            Domain("move_id", "in", [move for move, _level in pairs])
            & Domain("level_id", "in", suspending.ids)
        )
        known.filtered(
            lambda one: (
                (one.move_id.id, one.level_id.id) in pairs and not one._is_standing()
            )
        ).unlink()

    def _announce(self):
        """Note from which day on services are suspended, where a message says so."""
        told = self.filtered("mail_id").move_id
        levels = self.level_id.filtered(lambda level: level._is_in_force())
        if not told or not levels:
            return
        warned = told._billing_find_warned(levels)
        for move, rows in self.grouped("move_id").items():
            customer, mail = move.commercial_partner_id, rows.mail_id
            if mail.level_id and not mail.level_id.to_customer:
                continue  # Another level decided: the salesperson alone reads it.
            notice = rows.filtered(
                lambda row, customer=customer: (customer, row.level_id) in warned
            ).sorted("days")[-1:]
            if mail and notice:
                notice.write({"mail_id": mail.id, "suspend_on": notice._find_day()})

    def _find_day(self):
        """Return the day on which services are suspended, if the message goes today."""
        self.ensure_one()
        move = self.move_id
        today = move.commercial_partner_id._billing_get_today(move.company_id)
        return today + timedelta(days=self.level_id.suspend_days)

    def _drop(self):
        """Have these be no notices any more, as what they were about is not owed.

        If as much is owed as a notice needs, something else keeps it from being one:
        it would be dropped again the next day.
        """
        for level, rows in self.grouped("level_id").items():
            late = rows.move_id._billing_get_owed_for(level.days)
            owed = rows.filtered(lambda row, late=late: late.get(row.move_id.id))
            warned = owed.move_id._billing_find_warned(level)
            (rows - owed).unwarned = 0.0
            for row in owed:
                key = (row.move_id.commercial_partner_id, level)
                row.unwarned = warned.get(key, 0.0)
        self.suspend_on = False

    def _is_standing(self):
        """Whether the customer was told, or is about to be, and did not pay since."""
        self.ensure_one()
        return bool(self.suspend_on) and self.mail_id.state not in (False, "canceled")

    def _is_held_back(self, level, amount):
        """Whether a level gives no notice now.

        It stands, staff did not want it, or its message went out without it when as
        much was owed: nobody gets it day after day.

        :param float amount: that the customer owes, see `unwarned`.
        """
        self.ensure_one()
        currency = self.move_id.company_id.currency_id
        is_more = currency.compare_amounts(amount, self.unwarned) > 0
        is_over = self.is_waived or (self._is_told() and not is_more)
        return self._is_standing() or (self.level_id == level and is_over)

    def _is_told(self):
        """Whether the notice went out, and did not come back."""
        self.ensure_one()
        return self.mail_id.state not in (False, "canceled", "queued", *LOST)
