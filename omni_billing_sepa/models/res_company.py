from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain

METHOD = "sepa_direct_debit"


class ResCompany(models.Model):
    """Whether, and how, a company collects by files for its bank (W34)."""

    _inherit = "res.company"

    billing_sepa_line_id = fields.Many2one(
        "account.payment.method.line",
        string="Collect by SEPA with",
        domain="[('payment_method_id.code', '=', 'sepa_direct_debit'),"
        " ('company_id', '=', id)]",
        index="btree_not_null",
        ondelete="restrict",
        help="The payment method of the bank that gets the files. None: Billing does"
        " not collect by SEPA.",
    )
    billing_sepa_notice_days = fields.Integer(
        string="Notice before the Debit (days)",
        default=14,
        help="Nothing is debited sooner after the notice. The rulebook says 14 calendar"
        " days unless the mandate, or another agreement, says less.",
    )

    billing_sepa_retry_days = fields.Integer(
        string="Collect Again after (days)",
        help="Who had too little money (AM04) is put into a debit order once more, so"
        " many days after the return. 0: only by staff.",
    )
    billing_sepa_lets_revoke = fields.Boolean(
        string="Customers End Their Mandates",
        help="In the customer area, at once. Off: they ask for it there, and staff do.",
    )

    _billing_sepa_retry = models.Constraint(
        "CHECK(billing_sepa_retry_days BETWEEN 0 AND 30)",
        "What came back is collected again within 30 days.",
    )
    _billing_sepa_notice = models.Constraint(
        "CHECK(billing_sepa_notice_days BETWEEN 1 AND 90)",
        "A notice is sent between 1 and 90 days before the debit.",
    )

    @api.constrains("billing_sepa_line_id")
    def _check_billing_sepa_line(self):
        for company in self:
            line = company.billing_sepa_line_id
            if not line:
                company._check_billing_sepa_ends()
                continue
            if line.payment_method_id.code != METHOD or line.company_id != company:
                raise ValidationError(
                    self.env._(
                        "%(line)s is not a SEPA direct debit of %(company)s.",
                        line=line.display_name,
                        company=company.name,
                    )
                )

    def _check_billing_sepa_ends(self):
        """Check that nothing is being collected: half of it would go on as without."""
        # sudo: settings are an administrator's, debit orders their managers'.
        lines = self.env["account.payment.line"].sudo()
        under_way = Domain("billing_is_under_way", "=", True)
        line = lines.search(under_way & Domain("company_id", "=", self.id), limit=1)
        if line:
            raise ValidationError(
                self.env._(
                    "%(company)s collects by SEPA right now (%(order)s): cancel the"
                    " order, or wait until it is paid or back.",
                    company=self.name,
                    order=line.order_id.name,
                )
            )
