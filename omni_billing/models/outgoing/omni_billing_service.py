from odoo import fields, models

#: Of what a service comes to, by what it was before and is after; others are not told.
TURNS = {
    ("upcoming", "running"): "service.started",
    ("none", "running"): "service.started",
    ("suspended", "running"): "service.resumed",
    ("ended", "running"): "service.resumed",
}


class OmniBillingService(models.Model):
    """What becomes of services, for other programs, such as those that provide them."""

    _inherit = "omni.billing.service"

    def _note_turn(self, before, after):
        """Override: it starts, is suspended, goes on, or ends."""
        result = super()._note_turn(before, after)
        kind = TURNS.get((before or "upcoming", after))
        if after == "suspended":
            kind = "service.suspended"
        elif after == "ended" and before in ("running", "suspended"):
            kind = "service.ended"
        if kind:
            self.env["omni.billing.webhook.delivery"]._tell(kind, self, after)
        return result

    def _billing_prepare_webhook_data(self):
        """Return what other programs are told of a service. Hook.

        :return: plain values; its name is left out, which staff write.
        :rtype: dict
        """
        self.ensure_one()
        partner = self.commercial_partner_id
        to_text = fields.Date.to_string
        first, last = self._find_told_suspension()
        return {
            "id": self.id,
            "product": self.product_id.default_code or None,
            "reference": self.customer_reference or None,
            # sudo: how plans follow each other is the company's to tell.
            "replaces": self.sudo().replaces_id.id or None,
            "date_start": to_text(self.date_start) or None,
            "date_end": to_text(self.date_end) or None,
            "suspended_from": to_text(first) or None,
            "suspended_to": to_text(last) or None,
            "customer": {"id": partner.id, "reference": partner.ref or None},
        }

    def _find_told_suspension(self):
        """Return the days of the latest suspension that began, or else of the next."""
        suspensions, today = self._get_suspensions(), self._get_today()
        begun = [each for each in suspensions if each[0] <= today]
        return (begun[-1:] or suspensions[:1] or [(None, None)])[0]
