import logging

from werkzeug.exceptions import BadRequest

from odoo import api, models
from odoo.http import Response, request

from ...tools.outdated import find_outdated
from .omni_billing_limit import TooManyRequestsError

#: Whose menus are beside ours, whatever somebody works on.
COMMON_APPS = {
    *("omni_billing", "account", "mail", "contacts", "calendar"),
    *("board", "spreadsheet_dashboard"),
}
_logger = logging.getLogger(__name__)


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    def _register_hook(self):
        """Override of `base`: tell the log of code that this database has not met.

        Odoo serves it all the same, and fails wherever a column is missing.
        """
        super()._register_hook()
        for name, (old, new) in find_outdated(self.env).items():
            _logger.critical(
                "%(name)s %(new)s serves the database %(db)s, which is still at"
                " %(old)s: invoices and customers cannot be read. Stop Odoo, back up"
                " the database, and run: odoo -d %(db)s -u %(name)s --stop-after-init",
                {"name": name, "old": old, "new": new, "db": self.env.cr.dbname},
            )

    @classmethod
    def _get_translation_frontend_modules_name(cls):
        """Override of `http_routing`: customers read what our pages say by script."""
        return [*super()._get_translation_frontend_modules_name(), "omni_billing"]

    def session_info(self):
        """Override of `web`: staff learn why what they open fails."""
        info = super().session_info()
        if self.env.user._is_internal() and find_outdated(self.env):
            info["omni_billing_outdated"] = self.env._(
                "Billing was replaced by a newer version, and this database has not"
                " been upgraded to it. Invoices and customers may fail to open until"
                " an administrator upgrades the app."
            )
        is_staff = self.env.user.has_group("omni_billing.omni_billing_group_user")
        if is_staff and not info.get("home_action_id"):
            info["home_action_id"] = self._billing_find_home_action()
        return info

    @api.model
    def _billing_find_home_action(self):
        """Return the id of what waits for a person, if billing is what this user comes
        for: there is no other app but those that everybody has."""
        menus = self.env["ir.ui.menu"].load_menus(False)
        apps = {menus[root]["xmlid"] for root in menus["root"]["children"]}
        modules = {name.partition(".")[0] for name in apps - {"base.menu_management"}}
        if "omni_billing" not in modules or not modules <= COMMON_APPS:
            return False
        action = self.env.ref("omni_billing.omni_billing_todo_action", False)
        return action and action.id

    @classmethod
    def _handle_error(cls, exception):
        """Override of `base`: who asks too often is told when to come back.

        Odoo answers calls of its web client with 200, whatever happened in them; a
        program that tries cards looks at the status alone. And JSON that is nested so
        deeply that Python does not read it is no fault of the server.
        """
        if isinstance(exception, RecursionError) and not getattr(
            request.dispatcher, "jsonrequest", True
        ):
            exception = BadRequest(request.env._("The JSON is nested too deeply."))
        response = super()._handle_error(exception)
        if not isinstance(exception, TooManyRequestsError):
            return response
        if not isinstance(response, Response):
            response = response.get_response()
        response.status_code = exception.http_status
        response.headers["Retry-After"] = str(exception.retry_after)
        return response
