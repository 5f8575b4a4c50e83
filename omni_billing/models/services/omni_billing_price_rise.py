import ast

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import float_round, format_date

from ...tools.action import open_list
from ...tools.lock import lock_or_tell, take_turns
from ...tools.unit_price import get_decimals_after
from ...tools.write_guard import trust


class OmniBillingPriceRise(models.Model):
    """New prices for many services from a day on, seen before and undone after (W36).

    It writes what staff would write on each service by hand: a change of its price. A
    service that is charged beyond the day gets its new price after what is charged.
    """

    _name = "omni.billing.price.rise"
    _inherit = ["omni.billing.guard.mixin"]
    _description = "Price Rise"
    _order = "date desc, id desc"

    name = fields.Char(string="Title", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company, index=True
    )
    currency_id = fields.Many2one(
        "res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        help="Of services with prices in this currency.",
    )
    date = fields.Date(
        string="From", required=True, help="The first day of the new prices."
    )
    kind = fields.Selection(
        [
            ("percent", "By Percent"),
            ("amount", "By an Amount"),
            ("index", "By an Index"),
        ],
        string="How",
        required=True,
        default="percent",
    )
    percent = fields.Float(help="Below zero, prices fall.")
    amount = fields.Monetary(help="Of the price of each period. Below zero, it falls.")
    index_old = fields.Float(
        string="Index Before",
        digits=(16, 4),
        help="As it was when the prices were agreed.",
    )
    index_new = fields.Float(string="Index Now", digits=(16, 4))
    step = fields.Float(
        string="Round to",
        help="New prices are multiples of this, like 0.05 or 1. 0: as the currency, and"
        " finer where a price is.",
    )
    domain = fields.Char(
        string="Services",
        default="[]",
        help="Which of the services of the company that are recurring.",
    )
    state = fields.Selection(
        [("draft", "Draft"), ("done", "In Force"), ("undone", "Undone")],
        string="Status",
        required=True,
        readonly=True,
        default="draft",
        copy=False,
    )
    line_ids = fields.One2many(
        "omni.billing.price.rise.line", "rise_id", string="Prices", copy=False
    )
    line_count = fields.Integer(string="Services Found", compute="_compute_counts")
    included_count = fields.Integer(string="Included", compute="_compute_counts")
    note = fields.Text(
        string="Words to Customers",
        help="What the e-mail says above the table of prices. Empty: nothing more than"
        " what changes.",
    )
    told_at = fields.Datetime(string="E-mails Written", readonly=True, copy=False)

    _step_not_negative = models.Constraint(
        "CHECK(step >= 0)", "Prices are rounded to a step that is not less than zero."
    )

    # === COMPUTE METHODS === #

    @api.depends("line_ids.is_included")
    def _compute_counts(self):
        found = {
            rise.id: (count, included)
            for rise, count, included in self.env[
                "omni.billing.price.rise.line"
            ]._read_group(
                [("rise_id", "in", self.ids)],
                ["rise_id"],
                ["__count", "included_number:sum"],
            )
        }
        for rise in self:
            rise.line_count, rise.included_count = found.get(rise.id, (0, 0))

    # === CONSTRAINT METHODS === #

    @api.constrains("kind", "percent", "index_old", "index_new")
    def _check_kind(self):
        for rise in self:
            if rise.kind == "percent" and not -100 < rise.percent <= 1000:
                raise ValidationError(
                    self.env._("Enter a percentage above -100 and up to 1000.")
                )
            if rise.kind == "index" and not (rise.index_old > 0 and rise.index_new > 0):
                raise ValidationError(
                    self.env._("Enter the index before and the index now, above zero.")
                )

    @api.constrains("domain")
    def _check_domain(self):
        for rise in self:
            rise._get_service_domain()

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        return super(OmniBillingPriceRise, model).create(vals_list)

    def write(self, vals):
        self._billing_guard_write(vals)
        # Words are for who reads them; all else is what was done.
        if vals.keys() - {"name", "note", "state", "told_at"}:
            self._check_draft()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_if_draft(self):
        self._check_draft()

    @api.model
    def _billing_get_state_fields(self):
        """Override: where it stands."""
        return super()._billing_get_state_fields() | {"state", "told_at"}

    def _billing_raise_state_fields(self, names):
        raise UserError(
            self.env._("Use the buttons: they say what of it can be done now.")
        )

    def _check_draft(self):
        if done := self.filtered(lambda rise: rise.state != "draft")[:1]:
            raise UserError(
                self.env._(
                    "%(name)s is in force, or was: undo it and make a new one instead.",
                    name=done.name,
                )
            )

    # === ACTION METHODS === #

    def action_preview(self):
        """Find the services, and what each would cost; what was edited is lost."""
        self.ensure_one()
        self.check_access("write")
        self._check_draft()
        lock_or_tell(self)
        self.line_ids.unlink()
        services = self.env["omni.billing.service"].search(
            self._get_service_domain(), order="id"
        )
        self.env["omni.billing.price.rise.line"].create(
            [values for service in services if (values := self._prepare_line(service))]
        )
        return True

    def action_apply(self):
        """Have the new prices in force: a change on each service that is included.

        :raise UserError: if nothing is included, or a service changed since.
        """
        self.ensure_one()
        self.check_access("write")
        lock_or_tell(self)
        self._check_draft()
        lines = self.line_ids.filtered("is_included")
        if not lines:
            raise UserError(
                self.env._("No price is included. Look for services first.")
            )
        lock_or_tell(lines.service_id)
        lines._check_as_seen()
        changes = self.env["omni.billing.service.change"].create(
            [line._prepare_change() for line in lines]
        )
        for line, change in zip(lines, changes, strict=True):
            trust(line).change_id = change
        trust(self).state = "done"
        return True

    def action_undo(self):
        """Take back each new price of which nothing is charged yet.

        What is charged stays, and what a later change goes on with: for that there is
        a new price, or a credit.
        """
        self.ensure_one()
        self.check_access("write")
        lock_or_tell(self)
        if self.state != "done":
            raise UserError(self.env._("%s is not in force.", self.name))
        lines = self.line_ids.filtered("change_id")
        lock_or_tell(lines.service_id)
        # What is charged at the same time is charged before, or at the old prices.
        take_turns(lines.service_id)
        kept = lines._find_in_use()
        (lines - kept)._take_back()
        trust(self).state = "undone"
        if not kept:
            return True
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "message": self.env._(
                    "%(count)s new prices stay, since they are charged already, or a"
                    " later change goes on with them: %(services)s. Enter another price"
                    " on those services.",
                    count=len(kept),
                    services=", ".join(kept[:5].mapped("service_id.name")),
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_tell(self):
        """Write an e-mail to each customer: what costs how much, and from when."""
        self.ensure_one()
        self.check_access("write")
        lock_or_tell(self)
        if self.state != "done" or self.told_at:
            raise UserError(
                self.env._(
                    "Customers are told once, of prices that are in force: apply them"
                    " first."
                )
            )
        lines = self.line_ids.filtered("change_id")
        customers = lines.grouped(lambda line: line.service_id._get_billed_contact())
        mails = [
            values
            for customer, mine in customers.items()
            if (values := self._prepare_mail(customer, mine))
        ]
        # sudo: Odoo's outbox is not for staff to write; what is in it is this letter.
        self.env["mail.mail"].sudo().create(mails)
        trust(self).told_at = fields.Datetime.now()
        left = len(customers) - len(mails)
        if not left:
            return True
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning",
                "sticky": True,
                "message": self.env._(
                    "%s customers have no e-mail address: tell them otherwise.", left
                ),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_open_lines(self):
        self.ensure_one()
        name = "omni_billing_price_rise_line_action"
        return open_list(self.env, name, [("rise_id", "=", self.id)])

    # === HELPERS === #

    def _get_service_domain(self):
        """Return which services are looked at.

        :raise ValidationError: if what was chosen is no domain of services.
        """
        self.ensure_one()
        try:
            chosen = Domain(ast.literal_eval(self.domain or "[]"))
            chosen.validate(self.env["omni.billing.service"])
        except (ValueError, SyntaxError, TypeError) as error:
            raise ValidationError(
                self.env._("The choice of services cannot be read: choose anew.")
            ) from error
        return (
            Domain("company_id", "=", self.company_id.id)
            & Domain("currency_id", "=", self.currency_id.id)
            & Domain("unit", "!=", False)
            & (Domain("date_end", "=", False) | Domain("date_end", ">=", self.date))
            & chosen
        )

    def _prepare_line(self, service):
        """Return the new price of a service, nothing if it has none of its own."""
        old, quantity, day = service._find_price_on(self.date)
        new = self._compute_price(old)
        if not old or new == old:
            return None
        if service.date_end and day > service.date_end:
            # It is charged until its end, or has another plan by then.
            return None
        return {
            "rise_id": self.id,
            "service_id": service.id,
            "date": day,
            "quantity": quantity,
            "price_old": old,
            "price_new": new,
            # What changes later was agreed: somebody looks.
            "is_included": not service.change_ids.filtered(lambda c: c.date >= day),
        }

    def _compute_price(self, old):
        """Return the new price of a period, before the quantity; never below zero."""
        price = old
        if self.kind == "percent":
            price *= 1 + self.percent / 100
        elif self.kind == "index":
            price *= self.index_new / self.index_old
        else:
            price += self.amount
        if self.step:
            return max(float_round(price, precision_rounding=self.step), 0.0)
        digits = get_decimals_after(old, self.currency_id.decimal_places)
        return max(float_round(price, precision_digits=digits), 0.0)

    def _prepare_mail(self, customer, lines):
        """Return the e-mail to a customer, in the customer's language; nothing if none.

        :param lines: `omni.billing.price.rise.line` of the customer.
        """
        if not customer.email_normalized:
            return None
        lang = customer.lang or self.env.lang
        rise = self.with_context(lang=lang)
        env, company = rise.env, self.company_id
        body = env["ir.qweb"]._render(
            "omni_billing.price_rise_letter",
            {
                "customer": customer.with_context(lang=lang),
                "company": company.with_context(lang=lang),
                "note": rise.note,
                "lines": lines.with_context(lang=lang),
                "format_date": lambda day: format_date(env, day, lang_code=lang),
            },
            lang=lang,
        )
        return {
            "subject": env._("New prices from %s", format_date(env, self.date)),
            "email_to": customer.email_formatted,
            # sudo: the mail is the seller's.
            "email_from": company.sudo()._billing_get_sender(),
            "body_html": body,
            "model": "res.partner",
            "res_id": customer.id,
        }
