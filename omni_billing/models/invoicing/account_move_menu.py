from odoo import api, models

#: Our lists of invoices.
LISTS = (
    "omni_billing.account_move_view_list_billing",
    "omni_billing.account_move_view_kanban_billing",
)
#: Actions of Odoo that are for entries which are not posted: ours are, all at once.
LEFT_OUT = ("account.action_validate_account_moves",)


class AccountMove(models.Model):
    """What can be done with many invoices of ours, beside our own buttons."""

    _inherit = "account.move"

    @api.model
    def get_views(self, views, options=None):
        """Override of the ORM: our lists do not offer what cannot be done there."""
        result = super().get_views(views, options)
        ours = {self.env.ref(name).id for name in LISTS}
        left_out = {self.env.ref(name).id for name in LEFT_OUT}
        for view in result["views"].values():
            toolbar = view.get("toolbar")
            if toolbar and view.get("id") in ours:
                toolbar["action"] = [
                    action
                    for action in toolbar.get("action", [])
                    if action["id"] not in left_out
                ]
        return result
