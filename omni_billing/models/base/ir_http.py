from werkzeug.exceptions import BadRequest

from odoo import models
from odoo.http import Response, request

from .omni_billing_limit import TooManyRequestsError


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

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
