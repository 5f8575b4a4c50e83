"""The HTTP side: who asks, what is asked, and what happens to the request on its way.

Sources: Stripe's pages "Authentication", "Errors", "Idempotent requests", "Versioning"
and "Request IDs" of the API reference.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import traceback
from typing import Any

from aiohttp import web
from localstripe.resources import random_id

# Each of these registers its endpoints.
from . import (  # noqa: F401
    balance,
    checkout,
    customers,
    disputes,
    events,
    mandates,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
    typed,
    webhooks,
)
from .account import ENDPOINTS, Account, Call, Endpoint
from .checkout import CheckoutPages
from .control import Control
from .errors import RefusedError, StripeError
from .faults import ANSWER, DROP, Dropped, Fault
from .idempotency import Kept
from .pages import Pages
from .parameters import array, check, identifier, parse_form
from .resources import Version, plain
from .webhooks import Deliveries

HOST = "127.0.0.1"
FORM = "application/x-www-form-urlencoded"
# What Stripe.js adds to each request.
FROM_BROWSER = ("payment_user_agent", "referrer", "_stripe_version")
# Zero would mean for ever.
SECONDS_TO_CLOSE = 0.05


class Server:
    """The API on one port, and the control of tests on another that never fails."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.deliveries = Deliveries(account)
        account.on_event = self.deliveries.take
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://{HOST}:{self._port}"

    async def start(self, port: int) -> str:
        """Listen.

        :return: the URL of the control
        """
        app = web.Application(middlewares=[_allow_browsers])
        for each in ENDPOINTS:
            app.router.add_route(each.method, each.path, self._handler(each))
        Pages(self._account).add_routes(app)
        CheckoutPages(self._account, self).add_routes(app)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self._port = port
        await self.come_back()
        self._port = self._runner.addresses[0][1]

        control = web.Application()
        Control(self._account, self).add_routes(control)
        runner = web.AppRunner(control, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        return f"http://{HOST}:{runner.addresses[0][1]}"

    async def come_back(self) -> None:
        """Listen, for the first time or again."""
        if not self._site:
            self._site = web.TCPSite(self._runner, HOST, self._port)
            await self._site.start()

    async def go_down(self) -> None:
        """Refuse connections, and end those that are open."""
        if self._site:
            await self._site.stop()
            self._site = None
            await self._runner.server.shutdown(SECONDS_TO_CLOSE)

    def _handler(self, each: Endpoint) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(request, each)

        return handle

    async def _unknown(self, request: web.Request) -> web.Response:
        """Source: "Errors": a path that there is not."""
        where = f"{request.method}: {request.path}"
        message = f"Unrecognized request URL ({where})."
        return _respond(404, _write(RefusedError(404, message).body), {})

    async def _serve(self, request: web.Request, each: Endpoint) -> web.Response:
        given = await _read(request)
        entry = {
            "id": f"req_{random_id(14)}",
            "method": request.method,
            "path": request.path,
            "params": given,
            "idempotency_key": request.headers.get("Idempotency-Key"),
            "version": request.headers.get("Stripe-Version"),
            "status": None,
            "replayed": False,
        }
        self._account.requests.append(entry)
        self._account.changes.tell()
        try:
            status, body, replayed = await self._answer(request, each, dict(given))
        except Dropped:
            request.transport.abort()
            return web.Response()
        entry.update(status=status, replayed=replayed)
        headers = {"Request-Id": entry["id"]}
        if entry["idempotency_key"]:
            headers["Idempotency-Key"] = entry["idempotency_key"]
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return _respond(status, body, headers)

    async def _answer(
        self, request: web.Request, each: Endpoint, given: dict[str, Any]
    ) -> tuple[int, bytes, bool]:
        version = self._account.version
        fault = self._account.faults.take(request.method, request.path)
        try:
            if label := request.headers.get("Stripe-Version"):
                version = Version.parse(label)
            is_publishable = self._authenticate(request, given, each)
            if fault and fault.refuses:
                raise fault.error()
            expand, call = self._read_call(request, each, given, version)
            call.is_publishable = is_publishable
            if call.is_typed:
                typed.check_request(request.method, request.path, given)
            with self._account.keys.claimed(
                call.idempotency_key, request.method, request.path, given
            ) as kept:
                replayed = kept.answer is not None
                if not replayed:
                    await self._execute(kept, fault, call, each, expand)
        except StripeError as error:
            return error.status, _write(plain(error.body, version)), False
        await self._finish(fault)
        return (*kept.answer, replayed)

    async def _execute(
        self, kept: Kept, fault: Fault | None, call: Call, each: Endpoint, expand: list
    ) -> None:
        """Execute a request whose key is held, with what goes wrong before and in it.

        An error of 500 is kept like any answer; a request that was not executed leaves
        its key free.
        """
        if fault and not fault.executed:
            if fault.kind == DROP:
                raise Dropped
            await self._account.faults.pause(fault)
        earlier = self.deliveries.under_way
        if fault and fault.kind == ANSWER:
            if fault.executed:
                self._run(call, each, expand)
            error = fault.error()
            kept.answer = error.status, _write(error.body)
        else:
            kept.answer = self._run(call, each, expand)
        await self.deliveries.wait_for_those_since(earlier)

    async def _finish(self, fault: Fault | None) -> None:
        if fault and fault.executed:
            if fault.kind == DROP:
                raise Dropped
            await self._account.faults.pause(fault)

    def _run(self, call: Call, each: Endpoint, expand: list) -> tuple[int, bytes]:
        try:
            answer = each.handler(call).render(call.version, expand)
            if call.is_typed and (unknown := typed.find_unknown(answer)):
                self._account.crashes.append(f"Stripe has no {', '.join(unknown)}")
            return 200, _write(answer)
        except StripeError as error:
            return error.status, _write(plain(error.body, call.version))
        except Exception:
            # A mistake of this server: whoever stops it is told.
            self._account.crashes.append(traceback.format_exc())
            error = StripeError(500, "The test server crashed.", type="api_error")
            return error.status, _write(error.body)

    def _read_call(
        self, request: web.Request, each: Endpoint, given: dict, version: Version
    ) -> tuple[list[str], Call]:
        given = {key: given[key] for key in given if key not in FROM_BROWSER}
        expand = array(identifier)(given.pop("expand", {}), "expand")
        return expand, Call(
            account=self._account,
            version=version,
            params=check(each.parameters, given, version.label),
            idempotency_key=request.headers.get("Idempotency-Key"),
            base_url=self.url,
            url=request.path,
            ids=dict(request.match_info),
        )

    def _authenticate(
        self, request: web.Request, given: dict[str, Any], each: Endpoint
    ) -> bool:
        """Check the key. Source: "Authentication"; error ``secret_key_required``.

        :return: whether it is the publishable one
        """
        key = _key_in_header(request) or given.get("key")
        # Only a browser writes its key among the parameters.
        given.pop("key", None)
        if not key:
            raise RefusedError(
                401,
                "You did not provide an API key. You need to provide your API key in "
                "the Authorization header, using Bearer auth (e.g. 'Authorization: "
                "Bearer YOUR_SECRET_KEY').",
            )
        if key == self._account.secret_key:
            return False
        if key != self._account.publishable_key:
            shown = f"{key[:8]}{'*' * 8}{key[-4:]}"
            raise RefusedError(401, f"Invalid API Key provided: {shown}")
        if not each.takes_publishable_key:
            raise RefusedError(
                403,
                "This API call cannot be made with a publishable API key. Please use a "
                "secret API key.",
                code="secret_key_required",
            )
        return True


def _key_in_header(request: web.Request) -> str | None:
    scheme, _space, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        return base64.b64decode(value).decode().partition(":")[0]
    return None


async def _read(request: web.Request) -> dict[str, Any]:
    """Read the query and the body; Stripe takes a form in the body of a GET too."""
    text = await request.text()
    if text and request.content_type != FORM:
        raise web.HTTPBadRequest(
            text=json.dumps(
                RefusedError(
                    400,
                    "Invalid request (check that your POST content type is "
                    "application/x-www-form-urlencoded).",
                ).body
            ),
            content_type="application/json",
        )
    return parse_form("&".join(filter(None, (request.query_string, text))))


def _write(body: Any) -> bytes:
    return json.dumps(body, indent=2).encode()


def _respond(status: int, body: bytes, headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status, body=body, headers=headers, content_type="application/json"
    )


@web.middleware
async def _allow_browsers(request: web.Request, handler: Any) -> web.StreamResponse:
    """Let pages of any origin ask: Stripe.js does so with the publishable key."""
    response = await handler(request)
    if origin := request.headers.get("Origin"):
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


async def run(account: Account, port: int, until: asyncio.Event) -> None:
    """Serve until told to stop; print where, once requests are answered."""
    server = Server(account)
    control = await server.start(port)
    sys.stdout.write(json.dumps({"url": server.url, "control": control}) + "\n")
    sys.stdout.flush()
    await until.wait()
