"""People with a browser: sessions over HTTP, of whoever there is, or of nobody."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any

import pytest
import requests

#: Errors by which a server says no; of what is ours, any other is a crash.
REFUSALS = {
    *(f"odoo.exceptions.{name}" for name in ("AccessError", "MissingError")),
    *(f"odoo.exceptions.{name}" for name in ("UserError", "ValidationError")),
    *("odoo.exceptions.AccessDenied", "odoo.exceptions.RedirectWarning"),
    *("odoo.exceptions.LockError", "odoo.http.SessionExpiredException"),
    *(f"werkzeug.exceptions.{name}" for name in ("BadRequest", "Forbidden")),
    *(f"werkzeug.exceptions.{name}" for name in ("NotFound", "TooManyRequests")),
    "werkzeug.exceptions.UnprocessableEntity",
}
OURS = re.compile(r"/my/billing|/billing/|/crm/|/omni_billing/|.*/omni\.billing")
LIMIT = ".TooManyRequestsError"
CSRF = re.compile(r'csrf_token: "([^"]+)"')
SECONDS = 60


class Refused(Exception):
    """What the server answered instead: ``name`` is the error's class."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data", {})
        self.name: str = data.get("name", "")
        super().__init__(data.get("message") or error.get("message"))


class Limited(Refused):
    """The server has heard too much of somebody, whatever it is about."""


@contextmanager
def refused(saying: str = ""):
    """Expect the server to say no, and to say why.

    :param str saying: a pattern that is in the message.
    """
    with pytest.raises(Refused, match=saying or None) as caught:
        yield caught
    assert str(caught.value).strip(), "refused without a word"
    assert not isinstance(caught.value, Limited), "refused for another reason"


class Person:
    """Somebody with a browser of their own."""

    def __init__(
        self,
        url: str,
        database: str,
        login: str = "",
        password: str = "",
        cookie: str = "",
    ) -> None:
        """Have a browser, log in, or be so by a cookie that the browser kept."""
        self.url = url
        self.login = login
        self.session = requests.Session()
        self._csrf = ""
        if cookie:
            # As what the server would set, which replaces it.
            self.session.cookies.set("session_id", cookie, domain="localhost.local")
        elif login:
            user = {"db": database, "login": login, "password": password}
            self.post("/web/session/authenticate", **user)

    def __repr__(self) -> str:
        return self.login or "nobody"

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method, as the web client does and any program can."""
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        return self.post(f"/web/dataset/call_kw/{model}/{method}", **params)

    def post(self, path: str, **params: Any) -> Any:
        """Post JSON; what the server refuses is raised as :class:`Refused`."""
        payload = {"jsonrpc": "2.0", "method": "call", "params": params}
        answer = self.session.post(self.url + path, json=payload, timeout=SECONDS)
        is_crash = answer.status_code >= 500 and OURS.match(path)
        assert not is_crash, f"{path}: {answer.status_code}"
        if answer.status_code == requests.codes.too_many:
            raise Limited({"message": answer.text})
        if answer.status_code >= 400:
            raise Refused({"message": f"{answer.status_code} {answer.reason}"})
        result = answer.json()
        if error := result.get("error"):
            is_limit = error.get("data", {}).get("name", "").endswith(LIMIT)
            refusal = (Limited if is_limit else Refused)(error)
            trace = error.get("data", {}).get("debug", "")
            is_known = is_limit or refusal.name in REFUSALS
            is_crash = OURS.match(path) and not is_known
            assert not is_crash, f"{path}: {refusal.name} {trace}"
            raise refusal
        return result.get("result")

    def get(self, path: str, **query: Any) -> requests.Response:
        """Get a page, and do not follow where it leads."""
        answer = self.session.get(
            self.url + path, params=query, timeout=SECONDS, allow_redirects=False
        )
        assert answer.status_code < 500, f"{path}: {answer.status_code}"
        return answer

    def submit(self, path: str, **form: Any) -> requests.Response:
        """Send a form of a page, which knows its secret."""
        if not self._csrf:
            self._csrf = CSRF.search(self.session.get(f"{self.url}/my").text)[1]
        form["csrf_token"] = self._csrf
        answer = self.session.post(
            self.url + path, data=form, timeout=SECONDS, allow_redirects=False
        )
        assert answer.status_code < 500, f"{path}: {answer.status_code}"
        return answer


def tried_by(*logins: str) -> pytest.MarkDecorator:
    """Have an attack tried by several: the test gets each as ``who``."""
    return pytest.mark.parametrize("who", logins, indirect=True)
