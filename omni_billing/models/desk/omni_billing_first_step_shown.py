from markupsafe import Markup

from odoo import api, models


class OmniBillingFirstStep(models.Model):
    """Empty lists of a new company say what is to be set up first."""

    _inherit = "omni.billing.first.step"

    @api.model
    def _add_to_help(self, text):
        """Return the help of an empty list, with a link to the steps that are left.

        :param str text: HTML.
        """
        if not self.has_access("read") or not self._is_new_company():
            return text
        count = self._count_left()
        if not count:
            return text
        link = Markup(
            '<p><a type="action" class="btn btn-secondary"'
            ' name="omni_billing.omni_billing_first_step_action">{}</a></p>'
        ).format(self.env._("First steps that are left: %(count)s", count=count))
        return Markup(text or "") + link  # noqa: S704 the help of an action is HTML


class OmniBillingTransaction(models.Model):
    _inherit = "omni.billing.transaction"

    @api.model
    def get_empty_list_help(self, help_message):
        """Override of the ORM: what a new company does first."""
        text = super().get_empty_list_help(help_message)
        return self.env["omni.billing.first.step"]._add_to_help(text)


class OmniBillingService(models.Model):
    _inherit = "omni.billing.service"

    @api.model
    def get_empty_list_help(self, help_message):
        """Override of the ORM: what a new company does first."""
        text = super().get_empty_list_help(help_message)
        return self.env["omni.billing.first.step"]._add_to_help(text)


class OmniBillingRun(models.Model):
    _inherit = "omni.billing.run"

    @api.model
    def get_empty_list_help(self, help_message):
        """Override of the ORM: what a new company does first."""
        text = super().get_empty_list_help(help_message)
        return self.env["omni.billing.first.step"]._add_to_help(text)


class AccountMove(models.Model):
    _inherit = "account.move"

    @api.model
    def get_empty_list_help(self, help_message):
        """Override of the ORM: what a new company does first, in our list alone."""
        text = super().get_empty_list_help(help_message)
        if not self.env.context.get("billing_first_steps"):
            return text
        return self.env["omni.billing.first.step"]._add_to_help(text)
