import hmac
import json
import logging

from werkzeug.exceptions import BadRequest, RequestEntityTooLarge, Unauthorized

from odoo import http
from odoo.http import request

from ..const import HOOK_USER

_logger = logging.getLogger(__name__)

#: A list of some thousands of events.
MAX_BYTES = 8_000_000


class MailjetWebhookController(http.Controller):
    @http.route(
        "/omni_billing/mailjet/<string:token>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def mailjet_webhook(self, token):
        """Keep what Mailjet tells of messages, and answer (W12).

        Mailjet signs nothing: a path nobody can guess names the company, and a
        password, which no log of requests holds, says that it is Mailjet.
        """
        company = self._find_company(token)
        if not company:
            _logger.warning("Events of Mailjet without a right password were refused.")
            raise Unauthorized
        payload = request.httprequest.get_data()
        if len(payload) > MAX_BYTES:
            raise RequestEntityTooLarge
        # sudo: the sender proved to be Mailjet.
        events = request.env["omni.billing.mail.event"].sudo()
        try:
            events._store(company, json.loads(payload))
        except (ValueError, RecursionError) as error:
            raise BadRequest("This is no event of Mailjet.") from error
        return request.make_json_response("")

    def _find_company(self, token):
        """Return the company of the path, if the password is right too."""
        # sudo: nobody has logged in; administrators alone read the secrets.
        Company = request.env["res.company"].sudo()
        # The database takes no NUL.
        token = token.replace("\0", "")
        company = Company.search([("billing_mailjet_hook_token", "=", token)], limit=1)
        given = request.httprequest.authorization
        user = given.username or "" if given else ""
        password = given.password or "" if given else ""
        expected = company.billing_mailjet_hook_password or ""
        is_right = hmac.compare_digest(
            f"{user}:{password}".encode(), f"{HOOK_USER}:{expected}".encode()
        )
        return company if is_right and expected else Company
