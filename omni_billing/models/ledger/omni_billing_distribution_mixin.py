from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_list

from ...const import MAX_ID
from ...tools.memo import remember
from ...tools.numbers import format_number
from ...tools.values import is_number
from ...tools.write_guard import is_trusted


class OmniBillingDistributionMixin(models.AbstractModel):
    """What a company counts a charge for: work sites, activities (F183, W29).

    Odoo's own analytic plans, and its distribution models as defaults: those of the
    site before those of the contact, and these before those of the customer.
    """

    _name = "omni.billing.distribution.mixin"
    _inherit = "analytic.mixin"
    _description = "Analytic Distribution of a Charge"

    # What a company counts for itself is not its customers' to read.
    analytic_distribution = fields.Json(
        compute="_compute_analytic_distribution",
        store=True,
        readonly=False,
        precompute=True,
        groups="base.group_user",
    )
    analytic_precision = fields.Integer(groups="base.group_user")
    distribution_analytic_account_ids = fields.Many2many(
        string="Analytic Accounts", groups="base.group_user"
    )

    # === COMPUTE METHODS === #

    @api.depends("product_id", "partner_id", "site_id", "company_id")
    def _compute_analytic_distribution(self):
        """Override of `analytic`: propose what Odoo's distribution models say."""
        found = {}
        has_models = remember(
            self.env, "distribution models", self._have_distribution_models
        )
        for record in self:
            proposed = None
            if has_models and not record._keeps_distribution():
                key = record._get_counted_of()
                if key not in found:
                    found[key] = record._find_distribution()
                proposed = found[key]
            record.analytic_distribution = proposed or record.analytic_distribution

    def _search_analytic_distribution(self, operator, value):
        """Override of `analytic`: what has none can be found, too."""
        if operator not in ("in", "not in") or set(value) != {False}:
            return super()._search_analytic_distribution(operator, value)
        test = SQL("IS NULL") if operator == "in" else SQL("IS NOT NULL")
        return Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                "%s %s",
                model._field_to_sql(alias, "analytic_distribution", query),
                test,
            )
        )

    # === CONSTRAINT METHODS === #

    @api.constrains("analytic_distribution", "company_id")
    def _check_distribution_company(self):
        for record in self.filtered("analytic_distribution"):
            for account in record.distribution_analytic_account_ids:
                company = account.company_id
                if company and company not in record.company_id.parent_ids:
                    # sudo: off, since Odoo checks as superuser: names are told to
                    # who may read them.
                    is_known = account.sudo(False).has_access("read")
                    raise ValidationError(
                        self.env._(
                            "“%(title)s”: the analytic account %(account)s belongs to"
                            " another company than %(company)s. Choose another one.",
                            title=record.display_name,
                            account=account.display_name if is_known else account.id,
                            company=record.company_id.display_name,
                        )
                    )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        self._check_distributions(vals_list)
        return super().create(vals_list)

    def write(self, vals):
        self._check_distributions([vals])
        return super().write(vals)

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """Override of `base`: a charge may be in several groups, and count in each."""
        described = super().fields_get(allfields, attributes)
        if "groupable" in described.get("analytic_distribution", ()):
            described["analytic_distribution"]["groupable"] = False
        return described

    @api.model
    def _check_distributions(self, vals_list):
        """Check distributions that somebody entered, or a program sent.

        :raise ValidationError: if one is none, or names an account that is gone.
        """
        if is_trusted(self.env):
            return
        ids = set()
        for vals in vals_list:
            if distribution := vals.get("analytic_distribution"):
                ids.update(self._read_distribution(distribution))
        # sudo: whether they are there; what they are called is not told.
        known = self.env["account.analytic.account"].sudo().browse(ids).exists()
        if gone := ids.difference(known.ids):
            raise ValidationError(
                self.env._(
                    "There is no analytic account with the ID %(ids)s (any more)."
                    " Choose another one.",
                    ids=format_list(self.env, [str(gone_id) for gone_id in gone]),
                )
            )

    @api.model
    def _read_distribution(self, distribution):
        """Return the ids of the accounts in a distribution.

        :raise ValidationError: if it is none: by the ids of accounts, percentages.
        """
        is_mapping = isinstance(distribution, dict)
        keys = [key.split(",") for key in distribution] if is_mapping else [()]
        ids = [int(part) for key in keys for part in key if part.isdecimal()]
        if (
            not is_mapping
            or len(ids) != sum(map(len, keys))
            or any(not 0 < account_id <= MAX_ID for account_id in ids)
            or not all(map(is_number, distribution.values()))
        ):
            raise ValidationError(
                self.env._(
                    "An analytic distribution has the ids of analytic accounts, and the"
                    ' percentage of each: {"12,31": 60, "14,31": 40}.'
                )
            )
        return ids

    # === HELPERS === #

    @api.model
    def _have_distribution_models(self):
        """Whether Odoo may find an analytic distribution for a charge."""
        # sudo: only whether there is one leaves this method.
        Model = self.env["account.analytic.distribution.model"].sudo()
        return bool(Model.search_count([], limit=1))

    def _keeps_distribution(self):
        """Whether it stays, whatever becomes of product, customer and site. Hook."""
        self.ensure_one()
        return False

    def _get_counted_of(self):
        self.ensure_one()
        return (
            *(self.product_id, self.company_id),
            *(self.partner_id, self.commercial_partner_id, self.site_id),
        )

    def _find_distribution(self):
        """Return what the distribution models say of this product and customer."""
        # sudo: who enters a charge need not see them.
        Model = self.env["account.analytic.distribution.model"].sudo()
        found, plans = {}, self.env["account.analytic.plan"]
        customer = self.commercial_partner_id._origin
        for partner in (self.site_id | self.partner_id)._origin - customer:
            for model in Model._get_applicable_models(
                self._get_distribution_arguments(partner)
            ):
                roots = model.distribution_analytic_account_ids.root_plan_id
                if model.partner_id == partner and not plans & roots:
                    found |= model.analytic_distribution or {}
                    plans |= roots
        arguments = self._get_distribution_arguments(customer)
        return found | Model._get_distribution(
            arguments | {"related_root_plan_ids": plans}
        )

    def _get_distribution_arguments(self, partner):
        """Return what a distribution model is looked for with. Hook."""
        product = self.product_id._origin
        # sudo: who bills a contact need not see how it is sorted.
        categories = partner.sudo().category_id
        return {
            "product_id": product.id,
            "product_categ_id": product.categ_id.id,
            "partner_id": partner.id,
            "partner_category_id": categories.ids,
            "company_id": self.company_id.id,
        }

    def _describe_distribution(self):
        """Write it for a person: *North, Repairs (60%); South (40%)*, as files do."""
        self.ensure_one()
        # sudo: who may read the charge may read what it is counted for.
        accounts = self.sudo().distribution_analytic_account_ids
        names = {str(account.id): account.display_name for account in accounts}
        return "; ".join(
            f"{', '.join(names.get(part, part) for part in key.split(','))}"
            f" ({format_number(self.env, share)}%)"
            for key, share in (self.analytic_distribution or {}).items()
        )
