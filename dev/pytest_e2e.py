"""A pytest plugin for tests/e2e: a real Odoo server and a real browser.

Each test module gets its own copy of the demo database and its own server. A test
fails when a page it visited reported an error on its console; the screenshot of a
failed test is in ``.omni/screenshots``.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from dev import browsing, core, paths, server
from dev.templates import PREFIX
from dev.workspace import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class DemoServer:
    """A served copy of the demo database, and two ways into it beside the browser."""

    def __init__(self, workspace: Workspace, odoo: server.Server) -> None:
        self._workspace = workspace
        self.database = odoo.database
        self.url = odoo.url
        self.log = odoo.log

    def shell(self, code: str, **arguments: object) -> str:
        """Run Python in ``odoo shell``, with ``env`` and ``arguments``.

        :return: what the code prints. It commits if it wants to keep its work.
        """
        return self._workspace.shell(self.database, code, **arguments)

    def rpc(self, login: str, password: str | None = None) -> Rpc:
        """Log in as a user, for calls like those of the web client."""
        return Rpc(self.url, self.database, login, password or login)


class Rpc:
    """Calls of model methods over HTTP, as one user."""

    def __init__(self, url: str, database: str, login: str, password: str) -> None:
        import requests

        self._url = url
        self._session = requests.Session()
        user = {"db": database, "login": login, "password": password}
        self.uid = self._post("/web/session/authenticate", user)["uid"]

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
        return result["result"]


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


@pytest.fixture(scope="module")
def server_options() -> list[str]:
    """Give Odoo's own options for the server; a module may override this."""
    return ["--workers=0"]


@pytest.fixture(scope="module", name="server")
def server_fixture(
    request: pytest.FixtureRequest, workspace: Workspace, server_options: list[str]
) -> Iterator[DemoServer]:
    """Serve a fresh copy of the demo database for one test module."""
    name = request.module.__name__.rpartition(".")[2]
    database = f"{PREFIX}_run_{name}_{os.getpid()}"[:63]
    databases = workspace.databases
    databases.copy(os.environ["OMNI_DEMO_TEMPLATE"], database)
    port = server.free_port()
    url = f"http://localhost:{port}"
    databases.set_parameters(
        database, {"web.base.url": url, "web.base.url.freeze": "True"}
    )
    try:
        with server.serving(
            workspace, database, *server_options, port=port, log=f"e2e-{name}"
        ) as odoo:
            yield DemoServer(workspace, odoo)
    finally:
        databases.drop(database)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the browser once."""
    with browsing.browser() as chromium:
        yield chromium


@pytest.fixture
def console_errors() -> list[str]:
    """Collect what the pages complain of; a test that expects it clears the list."""
    return []


@pytest.fixture
def device() -> dict[str, Any]:
    """Give Playwright's options for the device; a module may override this."""
    return {"viewport": browsing.DESKTOP}


@pytest.fixture
def page(
    request: pytest.FixtureRequest,
    browser: Browser,
    server: DemoServer,
    device: dict[str, Any],
    console_errors: list[str],
) -> Iterator[Page]:
    """Open a page in a profile of its own; paths are relative to the server."""
    context = browser.new_context(base_url=server.url, accept_downloads=True, **device)
    context.set_default_timeout(20_000)
    page = context.new_page()
    browsing.collect_errors(page, console_errors)
    yield page
    failed = getattr(request.node, "failed", False)
    if failed or console_errors:
        _save_screenshot(page, request.node.nodeid)
    context.close()
    if console_errors and not failed:
        pytest.fail("The browser's console has errors:\n" + "\n".join(console_errors))


@pytest.fixture
def login(page: Page) -> Callable[..., Page]:
    """Give a function that logs a user in through the login page."""

    def log_in(user: str, password: str | None = None) -> Page:
        return browsing.log_in(page, user, password)

    return log_in


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
