from odoo import models


class OmniBillingMail(models.Model):
    """Reminders that waited: they may not be wanted any more."""

    _inherit = "omni.billing.mail"

    def _find_obstacle(self):
        """Override: reminders are paused, switched off, or paid in another way."""
        is_reminder = self.level_id or self.is_scheduled
        if is_reminder and self.move_id._billing_is_paused():
            return self.env._("The reminders were paused.")
        obstacle = super()._find_obstacle()
        if not obstacle and self.is_scheduled:
            return self._find_obstacle_of_schedule()
        return obstacle

    def _find_obstacle_of_schedule(self):
        """Return why a reminder that nobody asked for is not wanted any more."""
        move, company = self.move_id, self.company_id
        if not company.billing_reminders or not self.level_id.active:
            return self.env._("The reminders, or this level of them, are switched off.")
        # sudo: it looks at scheduled payments and runs, too.
        wanted = move.sudo()._billing_get_remindable_domain(company)
        if not move.sudo().filtered_domain(wanted):  # sudo: as above
            return self.env._(
                "It is paid in another way: a card payment or a plan is under way."
            )
        if move.currency_id.is_zero(move._billing_get_amount_owed()):
            return self.env._("Credit of the customer covers what is owed.")
        return None
