import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Command

from odoo.addons.omni_billing.tools.money import has_excess_decimals
from odoo.addons.omni_billing.tools.rating import charges
from odoo.addons.omni_billing.tools.rating.durations import Steps
from odoo.addons.omni_billing.tools.rating.exact import to_exact
from odoo.addons.omni_billing.tools.unit_price import PRICE_DECIMALS

from .omni_billing_rate_part_mixin import check_later

CONDITION = re.compile(r"\s*([a-z][a-z0-9_]*)\s*=\s*([^,]*?)\s*", re.ASCII)
#: What has to be the same in all versions of a rate.
CONDITIONS = ("meter_id", "prefixes", "conditions", "band_id")
PRICES = ("price", "size", "included", "fee", "flat", "least", "most")
#: Charge models whose prices are in tiers.
TIERED = ("graduated", "volume")
#: What the others know beside a price, and what each has if nothing is said.
UNKNOWN = {"size": 1, **dict.fromkeys(("price", "included", "fee", "flat"), 0)}
UNKNOWN |= {"least": 0, "most": 0, "is_whole": False, "is_by_event": False}
KNOWN = {
    "unit": {"price", "size", "included", "fee", "is_by_event"},
    "package": {"price", "size", "included", "fee", "least", "is_by_event"},
    "graduated": {"size", "is_whole", "is_by_event"},
    "volume": {"size", "is_whole", "is_by_event"},
    "plan": {"price", "size", "included", "flat", "is_by_event"},
    "percentage": {"price", "included", "fee", "least", "most"},
}


class OmniBillingRate(models.Model):
    """What events cost that have something in common, from a day on (W41).

    Rates of one name in a plan are versions of one: each holds until the next.
    """

    _name = "omni.billing.rate"
    _inherit = ["omni.billing.rate.part.mixin"]
    _description = "Rate"
    _order = "plan_id, sequence, name, date_from, id"

    plan_id = fields.Many2one(
        "omni.billing.rate.plan", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="plan_id.company_id")
    currency_id = fields.Many2one(related="plan_id.currency_id")
    sequence = fields.Integer(default=10)
    name = fields.Char(
        required=True, help="As the customer reads it: Calls to mobiles."
    )
    date_from = fields.Date(
        string="From", help="Empty: since ever. It holds until the next of its name."
    )

    # === Which events === #
    meter_id = fields.Many2one(
        "omni.billing.meter",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('company_id', '=', company_id)]",
    )
    meter_kind = fields.Selection(related="meter_id.kind")
    unit_name = fields.Char(related="meter_id.unit_name")
    prefixes = fields.Text(
        help="What the number begins with, as +336 +337: the longest that fits counts."
        " Which dimension is the number is said on the meter.",
    )
    conditions = fields.Char(
        help="Values of dimensions, as country=FR, direction=out. The rate that asks"
        " for most of them counts.",
    )
    band_id = fields.Many2one(
        "omni.billing.rate.band",
        string="Hours",
        index="btree_not_null",
        ondelete="restrict",
        domain="[('plan_id', '=', plan_id)]",
        help="Empty: at any time.",
    )

    # === What they cost === #
    step_first = fields.Integer(
        string="First Step",
        help="Of a duration: seconds that are charged of whatever lasts at all; 60 and"
        " 1 are a minute, then each second. Of a call the rate counts with which it"
        " begins.",
    )
    step_then = fields.Integer(
        string="Further Steps",
        help="Seconds of each further step, rounded up. 0: both are those of the"
        " meter.",
    )
    charge = fields.Selection(
        [
            ("unit", "Per Unit"),
            ("package", "Per Package"),
            ("graduated", "Graduated: Each Unit by Its Tier"),
            ("volume", "Volume: All Units by the Tier Reached"),
            ("plan", "Fee with Units Included"),
            ("percentage", "Percentage of the Quantity"),
        ],
        string="Price Model",
        required=True,
        default="unit",
    )
    price = fields.Float(
        min_display_digits="Product Price",
        help="With up to 8 decimals; of a percentage, in percent.",
    )
    size = fields.Float(
        string="For",
        default=1.0,
        min_display_digits="Product Unit",
        help="Of how many units the price is: 60 is a minute of a duration.",
    )
    included = fields.Float(
        min_display_digits="Product Unit",
        help="So many units of the period cost nothing.",
    )
    fee = fields.Float(
        string="Fee per Event",
        min_display_digits="Product Price",
        help="For each event that used something, as a call that was answered.",
    )
    flat = fields.Float(
        string="Fee per Period",
        min_display_digits="Product Price",
        help="Also without any usage.",
    )
    least = fields.Float(
        string="At Least",
        min_display_digits="Product Price",
        help="Of an event; of packages: how many in any case.",
    )
    most = fields.Float(
        string="At Most", min_display_digits="Product Price", help="Of an event."
    )
    is_whole = fields.Boolean(
        string="Begun Counts",
        help="Of tiers: what is begun of a unit counts as one.",
    )
    is_by_event = fields.Boolean(
        string="Each Event Alone",
        help="As if it were the only one in the period: tiers, packages and what is"
        " included begin anew with each.",
    )
    tier_ids = fields.One2many("omni.billing.rate.tier", "rate_id", copy=True)

    _version_unique = models.UniqueIndex(
        "(plan_id, name, (COALESCE(date_from, '-infinity'::date)))",
        "There is a rate of this name from that day on already.",
    )
    _size_positive = models.Constraint(
        "CHECK(size > 0)", "A price is for more than zero units."
    )
    _steps_valid = models.Constraint(
        "CHECK(COALESCE(step_first, 0) >= 0 AND COALESCE(step_then, 0) >= 0"
        " AND (COALESCE(step_first, 0) = 0 OR step_then > 0))",
        "Steps of a rate are both there, or both 0: then they are those of the meter.",
    )

    # === ONCHANGE METHODS === #

    @api.onchange("charge")
    def _onchange_charge(self):
        """Leave what the model does not know, and the form does not show any more."""
        for name in UNKNOWN.keys() - KNOWN.get(self.charge, UNKNOWN.keys()):
            self[name] = UNKNOWN[name]
        if self.charge not in TIERED:
            self.tier_ids = [Command.clear()]

    # === CONSTRAINT METHODS === #

    @api.constrains("charge", *UNKNOWN)
    def _check_known(self):
        """Refuse what its model has no use for: it would say what it does not cost."""
        for rate in self:
            for name in UNKNOWN.keys() - KNOWN[rate.charge]:
                if rate[name] != UNKNOWN[name]:
                    raise ValidationError(
                        self.env._(
                            "%(rate)s: a price “%(model)s” knows no “%(field)s”. Empty"
                            " it, or choose another model.",
                            rate=rate.name,
                            model=rate._get_label("charge", rate.charge),
                            field=rate._fields[name]._description_string(self.env),
                        )
                    )
            if rate.charge == "package" and rate.least != int(rate.least):
                raise ValidationError(
                    self.env._(
                        "%(rate)s: packages that are charged at least are a whole"
                        " number.",
                        rate=rate.name,
                    )
                )

    def _get_label(self, name, value):
        return dict(self._fields[name]._description_selection(self.env))[value]

    @api.constrains("step_first", "step_then", "meter_id")
    def _check_steps(self):
        for rate in self:
            if rate.step_then and rate.meter_id.kind != "duration":
                raise ValidationError(
                    self.env._(
                        "%(rate)s: %(meter)s counts no duration, so there are no steps."
                        " Empty them.",
                        rate=rate.name,
                        meter=rate.meter_id.name,
                    )
                )

    @api.constrains(*PRICES, "conditions", "meter_id", "plan_id", "band_id")
    def _check_rate(self):
        for rate in self:
            for name in PRICES:
                rate._check_number(name)
            found = rate._parse_conditions()
            unknown = found.keys() - set(rate.meter_id._get_dimensions())
            if unknown:
                raise ValidationError(
                    self.env._(
                        "%(rate)s: %(meter)s has no dimension %(names)s.",
                        rate=rate.name,
                        meter=rate.meter_id.name,
                        names=", ".join(sorted(unknown)),
                    )
                )
            if rate.meter_id.company_id != rate.plan_id.company_id:
                raise ValidationError(
                    self.env._(
                        "%(rate)s: the meter is of another company than the plan.",
                        rate=rate.name,
                    )
                )
            if rate.band_id and rate.band_id.plan_id != rate.plan_id:
                raise ValidationError(
                    self.env._(
                        "%(rate)s: these hours are of another plan.", rate=rate.name
                    )
                )

    def _check_number(self, name):
        if self[name] < 0:
            raise ValidationError(
                self.env._(
                    "%(rate)s: %(field)s is not below zero.",
                    rate=self.name,
                    field=self._fields[name]._description_string(self.env),
                )
            )
        if has_excess_decimals(self[name], PRICE_DECIMALS):
            raise ValidationError(
                self.env._(
                    "%(rate)s: %(field)s has more than %(maximum)s decimals.",
                    rate=self.name,
                    field=self._fields[name]._description_string(self.env),
                    maximum=PRICE_DECIMALS,
                )
            )

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        """Override of the ORM: its tiers are checked with it."""
        rates = super(OmniBillingRate, check_later(self)).create(vals_list)
        rates = rates.with_env(self.env)
        rates._after_change(rates.plan_id, rates._get_changed())
        return rates

    def write(self, vals):
        """Override of the ORM: its tiers are checked with it."""
        plans, names = self.plan_id, self._get_changed()
        result = super(OmniBillingRate, check_later(self)).write(vals)
        if self._names_price(vals):
            self._after_change(plans | self.plan_id, names, self._get_changed())
        return result

    def copy(self, default=None):
        """Override of the ORM: a copy in the same plan is the next version."""
        if {"plan_id", "date_from", "name"} & (default or {}).keys():
            return super().copy(default)
        today = fields.Date.context_today(self)
        return super().copy({"date_from": today, **(default or {})})

    # === HOOKS === #

    def _get_changed(self):
        """Override: of all its versions."""
        return set(self.mapped("name"))

    def _get_begin(self):
        """Override."""
        return self.date_from

    def _names_price(self, vals):
        """Override: of two that fit, the first counts."""
        return bool(vals)

    def _check_may_be_added(self):
        """Override: a rate that is new may be for what nothing was for until now.

        It says since when: what it is for is charged as a correction.
        """
        for plan, rates in self.grouped("plan_id").items():
            until = plan._get_charged_until()
            early = until and rates.filtered(
                lambda rate, until=until: not rate.date_from or rate.date_from <= until
            )
            if not early:
                continue
            versions = plan._find_rates(early._get_changed()).grouped("name")
            if any(
                not rate.date_from or len(versions[rate.name]) > 1 for rate in early
            ):
                self._raise_charged(plan, until)

    # === HELPERS === #

    def _parse_conditions(self):
        """Return values by dimension.

        :raise ValidationError: if they cannot be read.
        """
        self.ensure_one()
        found = {}
        for text in filter(None, map(str.strip, (self.conditions or "").split(","))):
            match = CONDITION.fullmatch(text)
            if not match:
                raise ValidationError(
                    self.env._(
                        "%(rate)s: write conditions as country=FR, direction=out."
                        " “%(text)s” is none.",
                        rate=self.name,
                        text=text,
                    )
                )
            found[match[1]] = match[2]
        return found

    def _get_prefixes(self):
        self.ensure_one()
        return frozenset(filter(None, re.split(r"[\s,;]+", self.prefixes or "")))

    def _get_conditions(self):
        """Return which events it is for, to compare versions."""
        self.ensure_one()
        return (
            self.meter_id,
            self._get_prefixes(),
            frozenset(self._parse_conditions().items()),
            self.band_id,
        )

    def _make_steps(self):
        """Return how seconds are rounded up; none, where the meter counts no duration.

        :rtype: Steps | None
        """
        self.ensure_one()
        meter = self.meter_id
        if meter.kind != "duration":
            return None
        said = self if self.step_then else meter
        return Steps(said.step_first, said.step_then)

    def _make_charge(self, price=None):
        """Return what it costs, as rating knows it.

        :param float price: of a product, instead of its own.
        :raise ValueError: if it is no price.
        """
        self.ensure_one()
        scale = charges.Scale(self.size, self.is_whole)
        price = self.price if price is None else price
        if self.charge == "percentage":
            return charges.Percentage(
                self.price,
                self.fee,
                self.least,
                self.most or None,
                free_amount=self.included or None,
            )
        if self.charge in TIERED:
            tiers = [
                charges.Tier(
                    None if tier.is_last else to_exact(tier.until),
                    tier.price,
                    tier.flat,
                )
                for tier in self.tier_ids.sorted(lambda t: (t.is_last, t.until))
            ]
            kind = charges.Graduated if self.charge == "graduated" else charges.Volume
            made = kind(tiers, scale)
        elif self.charge == "plan":
            scale = charges.Scale(self.size)
            made = charges.Plan(self.flat, self.included, price, scale)
        else:
            is_package = self.charge == "package"
            made = charges.PerUnit(
                price,
                charges.Scale(self.size, is_package),
                free=self.included,
                fee=self.fee,
                least=int(self.least) if is_package else 0,
            )
        return charges.PerEvent(made) if self.is_by_event else made
