import re

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from odoo import http
from odoo.exceptions import AccessError
from odoo.http import request

from ..const import METRICS_SCOPE

BEARER = re.compile(r"bearer\s+(\S+)\s*$", re.IGNORECASE)


class MetricsController(http.Controller):
    @http.route(
        "/omni_billing/metrics",
        type="http",
        auth="public",
        methods=["GET"],
        readonly=True,
        save_session=False,
    )
    def metrics(self):
        """Answer with the counters that operators watch, as OpenMetrics (W45).

        The bearer is a key that an administrator made in the settings. It opens nothing
        else, and tells of the companies of who made it. No session does: who is logged
        in has the page. 401 without a key, 403 if its user is no administrator or
        manager of billing any more.
        """
        # A key is for programs, and no cookie is.
        request.session.can_save = False
        user = self._find_user()
        request.update_env(
            user=user.id,
            context={"allowed_company_ids": user.company_ids.ids, "lang": "en_US"},
        )
        watch = request.env["omni.billing.watch"]
        try:
            watch.check_access("read")
        except AccessError as error:
            raise Forbidden from error
        content, mimetype = watch._write_metrics()
        return request.make_response(
            content,
            headers=[
                ("Content-Type", mimetype),
                ("X-Content-Type-Options", "nosniff"),
                ("Cache-Control", "no-store"),
            ],
        )

    def _find_user(self):
        """Return whose key it is; keys are kept as hashes, and compared as such."""
        given = BEARER.match(request.httprequest.headers.get("Authorization") or "")
        # The database takes no NUL.
        key = given and given[1].replace("\0", "")
        keys = request.env["res.users.apikeys"]
        uid = key and keys._check_credentials(scope=METRICS_SCOPE, key=key)
        if not uid:
            raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
        # sudo: its companies, before anything is done as that user.
        return request.env["res.users"].sudo().browse(uid)
