"""A pytest plugin for tests/e2e: a real Odoo server and a real browser.

One copy of the demo database and one server serve all stories: each makes the customers
it tells of, and leaves the settings as it found them. A test fails when a page it
visited reported an error on its console; the screenshot of a failed test is in
``.omni/screenshots``.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from dev import browsing, core, paths, server
from dev.templates import PREFIX
from dev.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: As long as a story takes, even on a machine that has other things to do.
BEFORE_MIDNIGHT = timedelta(seconds=100)


class DemoServer:
    """A served copy of the demo database, and the ways into it beside the browser."""

    def __init__(self, workspace: Workspace, odoo: server.Server) -> None:
        self._workspace = workspace
        self._rpcs: dict[str, Rpc] = {}
        self.database = odoo.database
        self.url = odoo.url
        self.log = odoo.log

    def shell(self, code: str, **arguments: object) -> str:
        """Run Python in ``odoo shell``, with ``env`` and ``arguments``.

        :return: what the code prints. It commits if it wants to keep its work.
        """
        return self._workspace.shell(self.database, code, **arguments)

    def rpc(self, login: str, password: str | None = None) -> Rpc:
        """Log in as a user, for calls like those of the web client.

        Once: to check a password takes half a second, on purpose.
        """
        if login not in self._rpcs:
            rpc = Rpc(self.url, self.database, login, password or login)
            self._rpcs[login] = rpc
        return self._rpcs[login]

    def forget(self, login: str) -> None:
        """Let a user log in anew, as one does to work in another language."""
        self._rpcs.pop(login, None)

    def ref(self, xml_id: str) -> int:
        """Find the record of an XML id."""
        module, _dot, name = xml_id.partition(".")
        [found] = self.rpc("admin").call(
            "ir.model.data",
            "search_read",
            [("module", "=", module), ("name", "=", name)],
            ["res_id"],
        )
        return found["res_id"]

    def run_job(self, name: str) -> None:
        """Run one of the addon's scheduled jobs until nothing is left for it to do.

        It has to be asked for, since the server runs none by itself.

        :param name: as in ``ir_cron_<name>``.
        """
        admin, job = self.rpc("admin"), self.ref(f"omni_billing.ir_cron_{name}")
        assert self._is_asked_for(job), f"Nobody asked for the job {name}."
        for _go in range(20):
            done = admin.call("ir.cron", "method_direct_trigger", [job])
            assert done is True, done
            if not self._is_asked_for(job):
                return
        raise AssertionError(f"The job {name} does not come to an end.")

    def _is_asked_for(self, job: int) -> bool:
        now = f"{datetime.now(timezone.utc):%F %T}"
        due = [("cron_id", "=", job), ("call_at", "<=", now)]
        return bool(self.rpc("admin").call("ir.cron.trigger", "search_count", due))


class Rpc:
    """Calls of model methods over HTTP, as one user."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        import requests

        self._url = url
        self._session = requests.Session()
        user = {"db": database, "login": login, "password": password}
        self.uid = self._post("/web/session/authenticate", user)["uid"]

    @property
    def cookie(self) -> dict[str, str]:
        """Give the cookie of the session, for a browser to go on with."""
        session = self._session.cookies["session_id"]
        return {"name": "session_id", "value": session, "url": self._url}

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method; an error on the server is raised as :class:`RpcError`."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self._post(f"/web/dataset/call_kw/{model}/{method}", params)

    def _post(self, path: str, params: dict[str, Any]) -> Any:
        payload = {"jsonrpc": "2.0", "method": "call", "params": params}
        answer = self._session.post(self._url + path, json=payload, timeout=120)
        answer.raise_for_status()
        result = answer.json()
        if error := result.get("error"):
            raise RpcError(error)
        # What gives nothing has no result.
        return result.get("result")


class RpcError(Exception):
    """What Odoo answered instead: ``name`` is the error's class."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data", {})
        self.name: str = data.get("name", "")
        self.trace: str = data.get("debug", "")
        super().__init__(data.get("message") or error.get("message"))


@pytest.fixture(scope="session")
def workspace() -> Workspace:
    """Give the workspace that bin/test opened, known by the environment."""
    return Workspace(core.ensure(), paths.TEST_DATA, dict(os.environ))


@pytest.fixture(scope="session")
def server_options() -> list[str]:
    """Give Odoo's own options for the server.

    No job runs by itself: a story runs the one it tells of, and none is at work on the
    same records at the same moment. No mail goes to a mail server of this machine.
    """
    return ["--workers=0", "--max-cron-threads=0", "--smtp-port=9"]


@pytest.fixture(scope="session", name="server")
def server_fixture(
    workspace: Workspace, server_options: list[str]
) -> Iterator[DemoServer]:
    """Serve a fresh copy of the demo database for the whole session."""
    database = f"{PREFIX}_run_e2e_{os.getpid()}"
    databases = workspace.databases
    databases.copy(os.environ["OMNI_DEMO_TEMPLATE"], database)
    port = server.free_port()
    url = f"http://localhost:{port}"
    # All customers are at one address here.
    limits = {
        f"omni_billing.limit_{what}_address": "off" for what in ("card", "payment")
    }
    databases.set_parameters(
        database, {"web.base.url": url, "web.base.url.freeze": "True", **limits}
    )
    try:
        with server.serving(
            workspace, database, *server_options, port=port, log="e2e"
        ) as odoo:
            yield DemoServer(workspace, odoo)
    finally:
        databases.drop(database)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser once."""
    with browsing.calm(), browsing.browser() as chromium:
        yield chromium


@pytest.fixture
def console_errors() -> list[str]:
    """Collect what the pages complain of; a test that expects it clears the list."""
    return []


@pytest.fixture
def device() -> dict[str, Any]:
    """Give Playwright's options for the device; a module may override this."""
    return {"viewport": browsing.DESKTOP, "reduced_motion": "reduce"}


@pytest.fixture
def page(
    request: pytest.FixtureRequest,
    browser: Browser,
    server: DemoServer,
    device: dict[str, Any],
    console_errors: list[str],
) -> Iterator[Page]:
    """Open a page in a profile of its own; paths are relative to the server."""
    context = browser.new_context(
        base_url=server.url,
        accept_downloads=True,
        # As the server's: both have to agree on what day it is.
        timezone_id="UTC",
        **device,
    )
    context.set_default_timeout(browsing.PATIENCE_SECONDS * 1000)
    context.add_init_script(browsing.KEEP_NOTICES)
    context.add_init_script(browsing.NO_SERVICE_WORKER)
    context.add_init_script(browsing.COUNT_QUIET_FRAMES)
    page = context.new_page()
    browsing.collect_errors(page, console_errors)
    yield page
    # A page that is closed while it loads complains of that; nobody is to blame.
    errors = list(console_errors)
    failed = getattr(request.node, "failed", False)
    if failed or errors:
        _save_screenshot(page, request.node.nodeid)
    context.close()
    if errors and not failed:
        pytest.fail("The browser's console has errors:\n" + "\n".join(errors))


@pytest.fixture
def login(page: Page, server: DemoServer) -> Callable[..., Page]:
    """Give a function that lets a user work in the browser.

    It does without the login page, which has a story of its own.
    """

    def log_in(user: str, password: str | None = None) -> Page:
        page.context.add_cookies([server.rpc(user, password).cookie])
        return page

    return log_in


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin no story that might end on the day after."""
    now = datetime.now(timezone.utc)
    tomorrow = (now + BEFORE_MIDNIGHT).replace(hour=0, minute=0, second=0)
    if tomorrow.date() != now.date():
        time.sleep((tomorrow - now).total_seconds() + 1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note on a test that it failed, for its fixtures to know."""
    report = yield
    if report.when == "call" and report.failed:
        item.failed = True
    return report


def pytest_sessionstart() -> None:
    """Keep only the pictures of this session."""
    shutil.rmtree(paths.SHOTS, ignore_errors=True)


def _save_screenshot(page: Page, test: str) -> None:
    paths.SHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", test.rpartition("/")[2]).strip("-")
    page.screenshot(path=paths.SHOTS / f"{name}.png")
