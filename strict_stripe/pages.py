"""What a browser gets: Stripe.js, and the bank's page.

Sources: Stripe's pages "Stripe.js reference" and "3D Secure authentication" (the URL
that a bank sends its customer back to carries the intent and ``redirect_status``).
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import localstripe
from aiohttp import web

from .account import Account, Call
from .confirmation import check_client_secret
from .control import authenticate, find_intent
from .errors import StripeError
from .resources import plain

FORM = Path(localstripe.__file__).with_name("localstripe-v3.js")
ADAPTER = Path(__file__).with_name("stripe_adapter.js").read_text()
PAGE = """<!DOCTYPE html>
<title>3D Secure</title>
<h1>Is it you who pays?</h1>
<form method="post" action="/3ds/{id}/page">
<button name="success" value="true">Complete authentication</button>
<button name="success" value="false">Fail authentication</button>
</form>
"""


class Pages:
    """Routes that are not of the API."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def add_routes(self, app: web.Application) -> None:
        """Serve the script, and the bank."""
        app.router.add_get("/js.stripe.com/v3/", self._script)
        app.router.add_get("/3ds/{id}", self._bank)
        app.router.add_post("/3ds/{id}/page", self._leave_bank)
        app.router.add_post("/3ds/{id}", self._answer_script)

    async def _script(self, request: web.Request) -> web.Response:
        """Give localstripe's form with the functions that it lacks.

        It is wrapped in a function: its class ``Element`` would otherwise hide the
        browser's own, and break whatever asks for that.
        """
        text = f"(() => {{\n{FORM.read_text()}\n{ADAPTER}\n}})();\n"
        return web.Response(text=text, content_type="application/javascript")

    async def _bank(self, request: web.Request) -> web.Response:
        page = PAGE.format(id=escape(request.match_info["id"]))
        return web.Response(text=page, content_type="text/html")

    async def _leave_bank(self, request: web.Request) -> web.Response:
        intent = find_intent(self._account, request.match_info["id"])
        if not intent.next_action:
            raise web.HTTPConflict(text="Nobody waits for an answer.")
        back = urlsplit(intent.next_action["redirect_to_url"]["return_url"])
        success = (await request.post())["success"] == "true"
        try:
            authenticate(self._call(), intent, success)
        except StripeError as error:
            # Known to the bank, and declined: the merchant reads it in the intent.
            if error.status != 402:
                raise
        succeeded = intent.status in ("succeeded", "processing", "requires_capture")
        told = {
            intent.object: intent.id,
            f"{intent.object}_client_secret": intent.client_secret,
            "redirect_status": "succeeded" if succeeded else "failed",
        }
        query = urlencode([*parse_qsl(back.query), *told.items()])
        raise web.HTTPSeeOther(urlunsplit(back._replace(query=query)))

    async def _answer_script(self, request: web.Request) -> web.Response:
        """Take the answer that a customer gave in the page of Stripe.js."""
        form = await request.post()
        call = self._call()
        call.is_publishable = True
        call.params["client_secret"] = form["client_secret"]
        try:
            intent = find_intent(self._account, request.match_info["id"])
            check_client_secret(call, intent)
            authenticate(call, intent, form["success"] == "true")
        except StripeError as error:
            body = plain(error.body, call.version)
            return web.json_response(body, status=error.status)
        text = json.dumps(intent._show(call).render(call.version))
        return web.Response(text=text, content_type="application/json")

    def _call(self) -> Call:
        return Call(self._account, self._account.version, {})
