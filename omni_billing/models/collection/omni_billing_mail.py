from odoo import Command, models


class OmniBillingMail(models.Model):
    """Reminders that waited: they may not be wanted any more, or of less."""

    _inherit = "omni.billing.mail"

    def _find_obstacle(self):
        """Override: reminders are paused, switched off, or paid in another way."""
        if self.kind != "reminder":
            return super()._find_obstacle()
        if self.is_scheduled and self._is_switched_off():
            return self.env._("The reminders, or this level of them, are switched off.")
        owed = self._get_moves()._billing_get_amounts_owed()
        reasons = [self._find_obstacle_of(move, owed) for move in self._get_moves()]
        return None if None in reasons else reasons[0]

    def _find_obstacle_of(self, move, owed):
        """Return why the customer is not to be reminded of an invoice any more."""
        if self.is_scheduled and move._billing_is_paused():
            return self.env._("The reminders were paused.")
        obstacle = move._billing_get_mail_obstacle(self.kind)
        if obstacle or not self.is_scheduled:
            return obstacle
        # sudo: it looks at scheduled payments and runs, too.
        wanted = move.sudo()._billing_get_remindable_domain(self.company_id)
        if not move.sudo().filtered_domain(wanted):  # sudo: as above
            return self.env._(
                "It is paid in another way: a payment, a plan or a promise is"
                " under way."
            )
        if move.currency_id.is_zero(owed.get(move.id, 0.0)):
            return self.env._("Credit of the customer covers what is owed.")
        return None

    def _is_switched_off(self):
        return not self.company_id.billing_reminders or not self.level_id.active

    def _narrow(self):
        """Override: only what is still wanted is told."""
        if self.kind != "reminder":
            return super()._narrow()
        owed = self._get_moves()._billing_get_amounts_owed()
        wanted = self._get_moves().filtered(
            lambda move: not self._find_obstacle_of(move, owed)
        )
        if wanted != self._get_moves():
            self.write(
                {
                    "move_id": wanted[0].id,
                    "other_move_ids": [Command.set(wanted[1:].ids)],
                }
            )
        return self.move_id

    def _queue_again(self):
        """Override: of what is still to be reminded of."""
        if self.kind != "reminder":
            return super()._queue_again()
        owed = self._get_moves()._billing_get_amounts_owed()
        # sudo: staff do not write what became of messages.
        mail = self.sudo()
        wanted = self._get_moves().filtered(
            lambda move: not mail._find_obstacle_of(move, owed)
        )
        wanted = wanted or self.move_id
        return wanted[:1]._billing_queue(
            self.kind,
            level_id=self.level_id.id,
            other_move_ids=[Command.set(wanted[1:].ids)],
        )
