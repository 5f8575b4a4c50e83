from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ... import gateways
from ...gateways.webhook_messages import check_url, make_secret
from ...tools.action import open_dialog, open_list
from ...tools.lock import lock_or_tell
from ...tools.retell import KeptSentence
from ...tools.write_guard import trust

#: How long messages are signed with the secret before as well.
ROTATION = timedelta(hours=24)


class OmniBillingWebhook(models.Model):
    """Where another program is told what happens in billing (W39).

    What is told, and what became of it, is in `omni.billing.webhook.delivery`.
    """

    _name = "omni.billing.webhook"
    _inherit = ["omni.billing.guard.mixin", "mail.thread", "mail.activity.mixin"]
    _description = "Webhook"
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, help="Which program listens there.")
    active = fields.Boolean(
        default=True,
        tracking=True,
        help="What happens while it is archived is not told, later either.",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        index=True,
        default=lambda self: self.env.company,
    )
    url = fields.Char(
        string="Address",
        required=True,
        tracking=True,
        help="Where messages go, by HTTPS: a public address of the Internet.",
    )
    kind_ids = fields.Many2many(
        "omni.billing.webhook.kind",
        "omni_billing_webhook_kind_rel",
        "webhook_id",
        "kind_id",
        string="Events",
        required=True,
        default=lambda self: self.env["omni.billing.webhook.kind"].search([]),
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        domain="[('share', '=', False)]",
        help="Who is told if it does not work any more.",
    )
    state = fields.Selection(
        [("on", "On"), ("off", "Off")],
        string="Status",
        required=True,
        readonly=True,
        default="on",
        copy=False,
        tracking=True,
        help="While it is off messages are kept, and go out once it is on again.",
    )
    problem = KeptSentence(
        readonly=True, copy=False, help="Why it was switched off, or what is wrong now."
    )
    wait_until = fields.Datetime(
        readonly=True,
        copy=False,
        help="It gave no answer, or is busy: it is tried again then.",
    )
    tries = fields.Integer(
        readonly=True,
        copy=False,
        help="How many messages it gave no answer to, or was too busy for, since it"
        " took one.",
    )
    delivery_ids = fields.One2many("omni.billing.webhook.delivery", "webhook_id")
    waiting_count = fields.Integer(compute="_compute_waiting_count", string="Waiting")

    # === Secrets: nobody reads them, they are shown once === #
    secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    old_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    old_secret_until = fields.Datetime(
        string="Old Secret Signs until", readonly=True, copy=False
    )
    is_secret_shown = fields.Boolean(readonly=True, copy=False)

    _listening_idx = models.Index("(company_id) WHERE active")

    # === COMPUTE METHODS === #

    def _compute_waiting_count(self):
        counts = dict(
            self.env["omni.billing.webhook.delivery"]._read_group(
                [("webhook_id", "in", self.ids), ("state", "=", "queued")],
                ["webhook_id"],
                ["__count"],
            )
        )
        for webhook in self:
            webhook.waiting_count = counts.get(webhook._origin, 0)

    # === CONSTRAINT METHODS === #

    @api.constrains("url")
    def _check_url(self):
        for webhook in self:
            try:
                check_url(webhook.url, self._get_local_base())
            except ValueError as error:
                reason = self._explain_url(str(error), webhook.url[:200])
                raise ValidationError(reason) from error

    def _explain_url(self, code, url):
        if code == "https":
            return self.env._("“%(url)s” has to begin with https://.", url=url)
        if code == "login":
            return self.env._(
                "“%(url)s” has a login in it. Leave it out: messages are signed, by"
                " which the other program knows them.",
                url=url,
            )
        if code == "private":
            return self.env._(
                "“%(url)s” is of this server or its network. Messages go to public"
                " addresses alone.",
                url=url,
            )
        return self.env._("“%(url)s” is no address of the Web.", url=url)

    @api.constrains("kind_ids")
    def _check_kinds(self):
        if self.filtered(lambda webhook: not webhook.kind_ids):
            raise ValidationError(self.env._("Choose what the program is told of."))

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        model, vals_list = self._billing_guard_create(vals_list)
        webhooks = super(OmniBillingWebhook, model).create(vals_list)
        for webhook in webhooks.sudo():  # sudo: nobody writes secrets.
            webhook.secret = make_secret()
        return webhooks

    def write(self, vals):
        self._billing_guard_write(vals)
        return super().write(vals)

    @api.model
    def _billing_get_state_fields(self):
        """Override: where it stands, and what was done with its secret."""
        return super()._billing_get_state_fields() | {
            "state",
            "problem",
            "wait_until",
            "tries",
            "old_secret_until",
            "is_secret_shown",
        }

    def _billing_raise_state_fields(self, names):
        raise UserError(
            self.env._("Use the buttons: they say what of it can be done now.")
        )

    # === ACTION METHODS === #

    def action_show_secret(self):
        """Show the secret to who gives it to the other program; once.

        :return: the action that shows it, with ``default_secret`` in its context.
        :raise UserError: if it was shown before.
        """
        self.ensure_one()
        self.check_access("write")
        lock_or_tell(self)
        webhook = self.sudo()  # sudo: nobody reads secrets, but for this once.
        if webhook.is_secret_shown or not webhook.secret:
            raise UserError(
                self.env._(
                    "The secret of %(webhook)s was shown already, and is shown once."
                    " Make a new one; the old one goes on for a day.",
                    webhook=self.name,
                )
            )
        trust(webhook).is_secret_shown = True
        return self._open_secret(webhook.secret)

    def action_rotate_secret(self):
        """Make a new secret, and show it; the one before signs, too, for a day.

        :return: as `action_show_secret`.
        """
        self.ensure_one()
        self.check_access("write")
        lock_or_tell(self)
        webhook = self.sudo()  # sudo: as above.
        trust(webhook).write(
            {
                "old_secret": webhook.secret,
                "old_secret_until": fields.Datetime.now() + ROTATION,
                "secret": make_secret(),
                "is_secret_shown": True,
            }
        )
        self._message_log(body=self.env._("New secret"))
        return self._open_secret(webhook.secret)

    def _open_secret(self, secret):
        title = self.env._("Secret of %(webhook)s", webhook=self.name)
        return open_dialog(
            "omni.billing.webhook.secret", title, {"default_secret": secret}
        )

    def action_enable(self):
        """Send again, also what was kept meanwhile.

        :raise UserError: if there is no secret to sign with, as in a copy.
        """
        self.check_access("write")
        for webhook in self.sudo():  # sudo: whether there is a secret.
            if not webhook.secret:
                raise UserError(
                    self.env._(
                        "%(webhook)s has no secret. Make a new one first.",
                        webhook=webhook.name,
                    )
                )
        trust(self).write(
            {"state": "on", "problem": False, "wait_until": False, "tries": 0}
        )
        self.activity_feedback(["omni_billing.mail_activity_data_webhook"])
        self._trigger_job()
        return True

    def action_disable(self):
        """Send nothing for now; what happens meanwhile is kept."""
        self.check_access("write")
        reason = self.env._("Switched off by %(user)s.", user=self.env.user.name)
        trust(self).write({"state": "off", "problem": reason})
        return True

    def action_test(self):
        """Send a message of the type *webhook.test* at once; commits.

        :return: a notice of what was answered.
        """
        self.ensure_one()
        self.check_access("write")
        # sudo: messages are written by the server alone.
        Delivery = self.env["omni.billing.webhook.delivery"].sudo()
        delivery = Delivery._create_test(self)
        return delivery._send_now()

    def action_open_deliveries(self):
        self.ensure_one()
        domain = [("webhook_id", "=", self.id)]
        return open_list(self.env, "omni_billing_webhook_delivery_action", domain, {})

    # === BUSINESS METHODS === #

    @api.model
    def _trigger_job(self, at=None):
        # sudo: whoever does what is told of.
        self.env.ref("omni_billing.ir_cron_send_webhooks").sudo()._trigger(at)

    def _get_gateway(self):
        """Return what sends messages. The one seam for tests.

        :raise GatewayDenied: if the library that signs them does not work.
        """
        return gateways.load("webhooks").WebhookGateway(self._get_local_base())

    @api.model
    def _get_local_base(self):
        """Return the address on this machine that messages may go to, if any.

        Only an administrator sets it, where programs are developed.
        """
        # sudo: a parameter.
        parameters = self.env["ir.config_parameter"].sudo()
        return parameters.get_param("omni_billing.webhook_local_base") or ""

    def _get_secrets(self):
        """Return what messages are signed with now."""
        self.ensure_one()
        is_rotating = (self.old_secret_until or fields.Datetime.now()) > (
            fields.Datetime.now()
        )
        old = self.old_secret if is_rotating else None
        return tuple(filter(None, (self.secret, old)))

    def _switch_off(self, reason):
        """Send nothing until somebody switches it on again; the responsible is told."""
        self.ensure_one()
        trust(self).write({"state": "off", "problem": reason})
        self.activity_schedule(
            "omni_billing.mail_activity_data_webhook",
            note=reason,
            user_id=self.user_id.id,
        )

    @api.autovacuum
    def _gc_secrets(self):
        """Forget secrets that sign nothing any more."""
        old = self.search(
            [
                ("old_secret_until", "<=", fields.Datetime.now()),
                ("old_secret", "!=", False),
            ]
        )
        trust(old).write({"old_secret": False, "old_secret_until": False})
