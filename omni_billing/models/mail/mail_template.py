from odoo import models
from odoo.exceptions import ValidationError


class MailTemplate(models.Model):
    _inherit = "mail.template"

    def _billing_check_model(self):
        """Check that these are templates of invoices.

        They are filled in with the rights of the server: one of users, say, would tell
        of the user who has the number of the invoice.

        :raise ValidationError: if one is of something else.
        """
        for template in self.sudo():  # sudo: what it is of is no secret.
            if template.model != "account.move":
                raise ValidationError(
                    self.env._(
                        "%(template)s is no template of invoices. Choose one whose"
                        " “Applies to” is Journal Entry.",
                        template=template.name,
                    )
                )
