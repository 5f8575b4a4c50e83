from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date, format_list

from odoo.addons.omni_billing.const import MAX_TITLE_LENGTH
from odoo.addons.omni_billing.tools.rating.exact import to_exact
from odoo.addons.omni_billing.tools.values import is_number
from odoo.addons.omni_billing.tools.write_guard import is_trusted, trust


class OmniBillingUsageTopup(models.Model):
    """Units that were added to a service, beside its plan, until they are used (W41).

    Whoever added it, it stays as it is: it is ended, and another one added. What is
    left of it goes on from period to period (`omni.billing.usage.left`) until its end.
    """

    _name = "omni.billing.usage.topup"
    _inherit = ["omni.billing.guard.mixin"]
    _description = "Top-Up of Usage"
    _order = "valid_from desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        required=True, help="As the customer reads it: 10 GB for the holidays."
    )
    service_id = fields.Many2one(
        "omni.billing.service", required=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        related="service_id.commercial_partner_id", string="Customer"
    )
    company_id = fields.Many2one(
        related="service_id.company_id", store=True, precompute=True, index=True
    )
    currency_id = fields.Many2one(related="service_id.currency_id")
    meter_id = fields.Many2one(
        "omni.billing.meter",
        required=True,
        index=True,
        check_company=True,
        ondelete="restrict",
        domain="[('company_id', '=', company_id)]",
    )
    units = fields.Float(
        required=True,
        min_display_digits="Product Unit",
        help="As the meter counts them: seconds of a duration.",
    )
    unit_name = fields.Char(related="meter_id.unit_name")
    rate_names = fields.Char(
        string="Only for",
        help="Names of rates, with a comma between two. Empty: all of the meter.",
    )
    is_shared = fields.Boolean(
        string="Shared",
        help="All services of the customer that have the same rate plan use it up"
        " together. Else this one does.",
    )
    valid_from = fields.Datetime(
        required=True,
        default=lambda self: fields.Datetime.now(),
        help="What is used from then on draws from it, once the plan's own allowances"
        " are used up.",
    )
    valid_until = fields.Datetime(
        help="Then what is left is gone. Empty: it is there until it is used up."
    )
    price = fields.Monetary(help="Charged once, when it is added. 0: it is for free.")
    reference = fields.Char(
        copy=False,
        index="btree_not_null",
        help="Of the program or person who adds it. It is there once: who lost the"
        " answer adds nothing twice.",
    )
    transaction_id = fields.Many2one(
        "omni.billing.transaction",
        string="Charge",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
    )
    left_ids = fields.One2many(
        "omni.billing.usage.left", "topup_id", string="Used", readonly=True
    )
    left = fields.Float(
        compute="_compute_left",
        compute_sudo=True,
        min_display_digits="Product Unit",
        help="By now, as was rated last.",
    )
    state = fields.Selection(
        [
            ("coming", "Coming"),
            ("there", "There"),
            ("used", "Used Up"),
            ("ended", "Ended"),
        ],
        string="Status",
        compute="_compute_state",
        compute_sudo=True,
    )

    _units_positive = models.Constraint(
        "CHECK(units > 0)", "A top-up is of more than nothing."
    )
    _price_valid = models.Constraint(
        "CHECK(COALESCE(price, 0) >= 0)", "A top-up costs nothing, or more."
    )
    # One that was ended before it began has no time.
    _valid_in_order = models.Constraint(
        "CHECK(valid_until >= valid_from)", "A top-up ends after it begins."
    )
    _reference_unique = models.UniqueIndex(
        "(company_id, reference) WHERE reference IS NOT NULL",
        "There is a top-up with this reference already: nothing was added.",
    )

    # === COMPUTE METHODS === #

    @api.depends("units", "left_ids.used")
    def _compute_left(self):
        for topup in self:
            # What is closed stays as it was rated.
            topup.left = max(0, topup.units - sum(topup.left_ids.mapped("used")))

    @api.depends("left", "valid_from", "valid_until")
    def _compute_state(self):
        now = fields.Datetime.now()
        for topup in self:
            if topup.valid_until and topup.valid_until <= now:
                topup.state = "ended"
            elif topup.left <= 0:
                topup.state = "used"
            else:
                topup.state = "coming" if topup.valid_from > now else "there"

    # === CONSTRAINT METHODS === #

    @api.constrains("units", "price")
    def _check_numbers(self):
        for topup in self:
            if not (is_number(topup.units) and is_number(topup.price)):
                raise ValidationError(
                    self.env._(
                        "%(name)s: units and price are numbers that can be reckoned"
                        " with.",
                        name=topup.name,
                    )
                )

    @api.constrains("service_id", "meter_id", "rate_names", "valid_from")
    def _check_rates(self):
        """Check that something of the service may draw from it."""
        for topup in self:
            # sudo: whoever adds it, a plan that the service has is one.
            service = topup.service_id.sudo()
            period = service._find_usage_period(topup.valid_from)
            plan = service._get_usage_plan(period.first)
            rates = plan.rate_ids.filtered(lambda r, t=topup: r.meter_id == t.meter_id)
            if not rates:
                raise ValidationError(
                    self.env._(
                        "%(service)s has no rate plan by then with a rate for"
                        " %(meter)s: nothing would draw from this top-up.",
                        service=service.name,
                        meter=topup.meter_id.name,
                    )
                )
            unknown = topup._get_rate_names() - set(rates.mapped("name"))
            if unknown:
                raise ValidationError(
                    self.env._(
                        "%(name)s is for rates that the plan has not: %(rates)s.",
                        name=topup.name,
                        rates=format_list(self.env, sorted(unknown)),
                    )
                )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: it is charged with it, and what was used rated anew.

        :raise UserError: if it would change what was charged.
        """
        model, vals_list = self._billing_guard_create(vals_list)
        for vals in vals_list:
            # An empty one is none: it may be there more than once.
            vals["reference"] = vals.get("reference") or False
        topups = super(OmniBillingUsageTopup, model).create(vals_list)
        topups = topups.with_env(self.env)
        topups._check_not_charged()
        topups._charge()
        topups._rate_again()
        return topups

    def write(self, vals):
        """Override of the ORM: it stays as it was added.

        :raise UserError: if something changes; nothing is written.
        """
        if not is_trusted(self.env):
            raise UserError(
                self.env._(
                    "A top-up stays as it was added: end it, and add another one."
                    " Nothing was changed."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._(
                "A top-up stays, with what was used of it: end it instead. Nothing was"
                " changed."
            )
        )

    @api.model
    def _billing_get_state_fields(self):
        """Override: it is charged by the server."""
        return super()._billing_get_state_fields() | {"transaction_id"}

    # === ACTION METHODS === #

    def action_end(self):
        """Have what is left be gone from now on; what was used stays covered."""
        # Who may add one may end one.
        self.check_access("create")
        self.check_access("read")
        self._end()
        return True

    def action_open_transaction(self):
        """Open the transaction that it is charged by."""
        self.ensure_one()
        return self.transaction_id.action_open_detail()

    # === BUSINESS METHODS === #

    def _end(self):
        now = fields.Datetime.now()
        for topup in self:
            if topup.valid_until and topup.valid_until <= now:
                continue
            # What is used from now on is rated by it. sudo: nobody writes a top-up but
            # this.
            trust(topup.sudo()).valid_until = max(now, topup.valid_from)

    def _charge(self):
        """Write the transaction of each that has a price."""
        priced = self.filtered("price")
        created = trust(self.env["omni.billing.transaction"]).create(
            [topup._prepare_charge() for topup in priced]
        )
        for topup, charge in zip(priced, created, strict=True):
            # sudo: as above.
            trust(topup.sudo()).transaction_id = charge.id

    def _prepare_charge(self):
        """Return the values of the transaction of its price. Hook."""
        self.ensure_one()
        service, meter = self.service_id, self.meter_id
        env = service.with_context(lang=service.partner_id.lang or self.env.lang).env
        title = env._(
            "%(service)s, top-up: %(name)s", service=service.name, name=self.name
        )
        values = service._prepare_common_values(self.price) | {
            "name": title[:MAX_TITLE_LENGTH],
            "description": False,
            "date": service._get_today(),
            "quantity": 1.0,
            "price_unit": self.price,
            "uom_id": meter._billing_get_pieces().id,
        }
        if meter.product_id:
            # Its taxes are those of the product, as the customer's position has them.
            values["product_id"] = meter.product_id.id
            del values["tax_ids"]
        return values

    # === HELPERS === #

    def _get_rate_names(self):
        self.ensure_one()
        names = (self.rate_names or "").split(",")
        return frozenset(name.strip() for name in names if name.strip())

    def _is_there(self, period):
        """Whether something of a period may draw from it, or did."""
        self.ensure_one()
        is_in_time = self.valid_from < period.end and (
            not self.valid_until or self.valid_until > period.begin
        )
        return is_in_time and (
            self._get_left_at(period) > 0
            or period.first in self.left_ids.mapped("date_from")
        )

    def _get_left_at(self, period):
        """Return how many units are left when a period begins.

        :rtype: Fraction
        """
        self.ensure_one()
        before = self.left_ids.filtered(lambda row: row.date_from < period.first)
        return to_exact(self.units) - sum(map(to_exact, before.mapped("used")))

    def _check_not_charged(self):
        # sudo: what was charged stays, whoever may read it.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        for topup in self:
            # sudo: what is closed is closed for all.
            kept_from = topup.company_id.sudo().billing_usage_kept_from
            if kept_from and topup.valid_from.date() < kept_from:
                raise UserError(
                    self.env._(
                        "Usage before %(date)s is closed, and stays as it was charged."
                        " A top-up may begin after that. Nothing was changed.",
                        date=format_date(self.env, kept_from),
                    )
                )
            whose = Domain("service_id", "=", topup.service_id.id)
            if topup.is_shared:
                partner = topup.service_id.commercial_partner_id
                whose = Domain("service_id.commercial_partner_id", "=", partner.id)
            is_charged = Domain("state", "=", "charged") & Domain(
                "plan_id", "!=", False
            )
            later = Rating.search(
                whose
                & (is_charged | Domain("is_closed", "=", True))
                & Domain("end", ">", topup.valid_from)
                & Domain("company_id", "=", topup.company_id.id)
            )
            kept = later.filtered(
                lambda one: one.is_closed or one.transaction_id.state != "unbilled"
            )
            if kept:
                raise UserError(
                    self.env._(
                        "Usage of %(service)s is charged until %(date)s, and stays as"
                        " it was charged. A top-up may begin after that. Nothing was"
                        " changed.",
                        service=kept[0].service_id.name,
                        date=format_date(self.env, max(kept.mapped("date_to"))),
                    )
                )

    def _rate_again(self):
        """Have rated what may draw from these."""
        # sudo: nobody writes what usage comes to but business methods.
        Rating = self.env["omni.billing.usage.rating"].sudo()
        now = fields.Datetime.now()
        for topup in self.filtered(lambda one: one.valid_from <= now):
            Rating._mark(topup.service_id, topup.valid_from, now)
