from odoo import api, fields, models
from odoo.fields import Command

from odoo.addons.omni_billing.wizards.omni_billing_dialog_mixin import once

from ..tools.events import is_text


class OmniBillingUsageMoveWizard(models.TransientModel):
    """Give usage of an identifier to who has it by now (W41)."""

    _name = "omni.billing.usage.move.wizard"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Move Usage"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    identifier = fields.Char(required=True)
    date_from = fields.Datetime(string="From", required=True)
    date_until = fields.Datetime(
        string="Until", required=True, default=fields.Datetime.now
    )
    line_ids = fields.One2many(
        "omni.billing.usage.move.wizard.line", "wizard_id", compute="_compute_line_ids"
    )
    count = fields.Integer(string="To Move", compute="_compute_line_ids")

    @api.depends("company_id", "identifier", "date_from", "date_until")
    def _compute_line_ids(self):
        for wizard in self:
            found = wizard._preview()
            wizard.count = sum(
                count for service, owner, count in found if owner and owner != service
            )
            wizard.line_ids = [Command.clear()] + [
                Command.create(
                    {
                        "from_service_id": service.id,
                        "to_service_id": owner.id,
                        "count": count,
                        "outcome": _tell(service, owner),
                    }
                )
                for service, owner, count in found
            ]

    def _preview(self):
        if not (is_text(self.identifier) and self.date_from and self.date_until):
            return []
        self.env["omni.billing.usage.source"].check_access("write")
        self.company_id.check_access("read")
        # sudo: events are read by their company alone, as a list of them is.
        usage = self.env["omni.billing.usage"].sudo()
        return usage._preview_move(
            self.company_id, self.identifier, self.date_from, self.date_until
        )

    @once
    def action_move(self):
        """Move what the preview shows, and show the history.

        :raise UserError: if nothing was moved; the message says why.
        """
        self.env["omni.billing.usage.source"].check_access("write")
        self.company_id.check_access("read")
        # sudo: events are written by the server alone.
        usage = self.env["omni.billing.usage"].sudo()
        moves = usage._move(
            self.company_id, self.identifier, self.date_from, self.date_until
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "omni_billing_usage.omni_billing_usage_move_action"
        )
        return action | {"domain": [("id", "in", moves.ids)]}


class OmniBillingUsageMoveWizardLine(models.TransientModel):
    """Events that a move is about, by whose they are and would be (W41)."""

    _name = "omni.billing.usage.move.wizard.line"
    _inherit = "omni.billing.dialog.mixin"
    _description = "Usage to Move"

    wizard_id = fields.Many2one("omni.billing.usage.move.wizard", ondelete="cascade")
    from_service_id = fields.Many2one("omni.billing.service", string="Is of")
    to_service_id = fields.Many2one("omni.billing.service", string="Goes to")
    count = fields.Integer(string="Events")
    outcome = fields.Selection(
        [
            ("moves", "Moves"),
            ("right", "Stays: it is right"),
            ("nobody", "Stays: nobody had the identifier"),
        ]
    )


def _tell(service, owner):
    if not owner:
        return "nobody"
    return "right" if owner == service else "moves"
