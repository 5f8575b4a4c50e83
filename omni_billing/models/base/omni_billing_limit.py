import ipaddress
import logging
import math

from odoo import api, fields, models, modules
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import SQL

from ...const import LIMITS

_logger = logging.getLogger(__name__)

#: Who has a whole network of this size has one address for us (RFC 6177).
IPV6_PREFIX = 64


class TooManyRequestsError(UserError):
    """Somebody begins too much of what is in ``LIMITS``; says when to come back."""

    http_status = 429

    def __init__(self, message, seconds):
        super().__init__(message)
        #: Seconds, as in the header Retry-After.
        self.retry_after = seconds


class OmniBillingLimit(models.Model):
    """How often customers may begin what costs money or work: see ``const.LIMITS``.

    A row for each whom it is about holds the moment at which it will be as if nothing
    had been asked. Each request puts that off by one step; the one that would put it
    off by more than may be asked at once is refused ("generic cell rate algorithm",
    ITU-T I.371). So there is one short row for each, one statement for each request,
    and all workers and servers count together. Pages that are only read write nothing.
    """

    _name = "omni.billing.limit"
    _description = "Limit of Requests"
    _log_access = False

    key = fields.Char(required=True, readonly=True)
    free_at = fields.Datetime(required=True, readonly=True)

    _key_unique = models.UniqueIndex("(key)")
    _free_at_idx = models.Index("(free_at)")

    # === BUSINESS METHODS === #

    @api.model
    def _take(self, what, about=None):
        """Count what a customer, or somebody with a link, begins in a request.

        Staff and jobs are not counted. It counts at once, in a transaction of its own:
        what fails afterwards was begun too.

        :param str what: a key of ``const.LIMITS``.
        :param about: records that it is about, if any: what a link opens.
        :raise TooManyRequestsError: if it is too often.
        """
        if not request or not request.env.user.share or not self._is_counted(what):
            return
        # Once for a request, wherever on its way: on the page, and in the model again.
        counted = vars(request).setdefault("_omni_billing_counted", set())
        if what != "pdf" and what in counted:
            return
        counted.add(what)
        whom = self._get_whom(request.env.user, about)
        with self._open() as limits:
            for kind, value in whom.items():
                if limit := self._get_limit(what, kind):
                    limits._count(what, f"{what}-{kind}-{value}", *limit)

    def _is_counted(self, what):
        """Whether a PDF is what was asked for: a payment that is booked may make some,
        and must not fail of it.
        """
        if what != "pdf":
            return True
        is_page = request.dispatcher.routing_type == "http"
        return is_page and not request.httprequest.path.startswith("/payment/")

    def _open(self):
        limits = self.sudo()  # sudo: nobody may write what is counted of him.
        # Another connection does not see what a test wrote, which is never committed.
        return _Same(limits) if modules.module.current_test else _Own(limits)

    def _count(self, what, key, at_once, step):
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO omni_billing_limit AS l (key, free_at)
                     VALUES (%(key)s, %(now)s + %(step)s)
                ON CONFLICT (key) DO UPDATE
                        SET free_at = greatest(l.free_at, %(now)s) + %(step)s
                      WHERE greatest(l.free_at, %(now)s) + %(step)s
                            <= %(now)s + %(at_once)s * %(step)s
                  RETURNING id
                """,
                key=key,
                now=SQL("(clock_timestamp() AT TIME ZONE 'UTC')"),
                step=SQL("make_interval(secs => %s)", step),
                at_once=at_once,
            )
        )
        if self.env.cr.fetchone():
            return
        self.env.cr.execute(
            SQL(
                """
                SELECT extract(epoch FROM free_at
                               - clock_timestamp() AT TIME ZONE 'UTC')
                  FROM omni_billing_limit WHERE key = %s
                """,
                key,
            )
        )
        [ahead] = self.env.cr.fetchone()
        seconds = max(1, math.ceil(float(ahead) - (at_once - 1) * step))
        _logger.info("Too many: %s", key)
        raise TooManyRequestsError(self._explain(what, seconds), seconds)

    def _explain(self, what, seconds):
        minutes = math.ceil(seconds / 60)
        # The environment that counts is the superuser's: speak the language of who
        # asks.
        env = (request or self).env
        if what == "pdf":
            return env._(
                "Too many documents were asked for. Try again in %(seconds)s s.",
                seconds=seconds,
            )
        if what == "card":
            return env._(
                "Too many cards were added. Nothing was charged: try again in"
                " %(minutes)s min.",
                minutes=minutes,
            )
        if what == "report":
            return env._(
                "Too many charges were reported. Try again in %(minutes)s min, or write"
                " to us.",
                minutes=minutes,
            )
        if what == "coupon":
            return env._(
                "Too many codes were tried. Try again in %(minutes)s min, or ask us.",
                minutes=minutes,
            )
        if what == "address":
            return env._(
                "Too many e-mail addresses were entered. Try again in %(minutes)s min,"
                " or tell us the right one.",
                minutes=minutes,
            )
        return env._(
            "Too many payments were begun. Nothing was charged: try again in"
            " %(minutes)s min, or ask us how else to pay.",
            minutes=minutes,
        )

    # === HELPERS === #

    def _get_whom(self, user, about):
        """Return of whom it is counted: in the order in which rows are locked."""
        address = self._get_address()
        whom = {}
        if user._is_public():
            # Counted by address, too: a link may be passed on to others, who have not
            # asked yet.
            link = ",".join(map(str, sorted(about.ids))) if about else ""
            whom["guest"] = f"{link}-{address}"
            if link:
                whom["link"] = link
        else:
            whom["account"] = user.id
        if address:
            whom["address"] = address
        return whom

    def _get_address(self):
        """Return where the request comes from; nothing if that cannot be told.

        Behind a proxy that Odoo was not told of (``proxy_mode``) all come from the
        proxy's own address, and nobody is to be kept out for the others.
        """
        text = request.httprequest.remote_addr or ""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return ""
        is_forwarded = "X-Forwarded-For" in request.httprequest.headers
        if is_forwarded and address.is_private:
            return ""
        if address.version == 6:
            return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
        return text

    def _get_limit(self, what, kind):
        """Return how many at once, and the seconds until one more; none if unlimited.

        :rtype: tuple[int, int] | None
        """
        default = LIMITS[what].get(kind)
        name = f"omni_billing.limit_{what}_{kind}"
        # sudo: customers read no settings; this one is about how often they may ask.
        setting = self.env["ir.config_parameter"].sudo().get_param(name)
        if not setting or not default:
            return default
        if setting.strip() == "off":
            return None
        at_once, _slash, step = setting.partition("/")
        if not (at_once.strip().isdecimal() and step.strip().isdecimal()):
            _logger.warning("%s is no limit: it reads 40/30, or off.", name)
            return default
        return max(1, int(at_once)), max(1, int(step))

    @api.autovacuum
    def _gc(self):
        """Forget those of whom it is as if they had asked nothing."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM omni_billing_limit"
                " WHERE free_at < clock_timestamp() AT TIME ZONE 'UTC'"
            )
        )


class _Same:
    """Count in the transaction at hand."""

    def __init__(self, limits):
        self.limits = limits

    def __enter__(self):
        return self.limits

    def __exit__(self, *_error):
        return False


class _Own(_Same):
    """Count in a transaction of its own; a refused request is not counted at all."""

    def __enter__(self):
        self.cr = self.limits.env.registry.cursor()
        self.cr.__enter__()
        # Two who count at once: the second waits for the row, and has to see what the
        # first wrote, which a repeatable read would not show.
        self.cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        return self.limits.with_env(self.limits.env(cr=self.cr))

    def __exit__(self, *error):
        return self.cr.__exit__(*error)
