"""Mailjet, by its own client: typed answers, typed failures, one seam.

One message a call (Send API v3.1), with a key of ours as its CustomID: after a time-out
the same key tells whether Mailjet has the message. A failure says which of two things
happened: nothing was sent (`GatewayRefused`), or nobody knows (`GatewayUnknown`).
Nothing is repeated here, since a repeated call may be a second mail.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterable

import requests
import urllib3
from mailjet_rest import Client, errors
from requests.adapters import HTTPAdapter

from ..exceptions import GatewayRefused, GatewayUnknown
from .mailjet_messages import Address, Message, Receipt

#: Seconds to connect, and to wait for an answer.
TIMEOUT = (3, 20)
#: Recipients of one message.
MAX_RECIPIENTS = 50
#: Mailjet takes 15 MB; Base64, in which files travel, adds a third.
MAX_BYTES = 11 * 1024 * 1024
MAX_SUBJECT = 255
#: Rows of one page of a list.
PAGE = 1000

#: What billing wants to hear of.
EVENTS = ("sent", "open", "bounce", "blocked", "spam", "unsub")

CODES = {
    "mj-0013": "bad_address",
    "send-0008": "bad_sender",
    "send-0010": "template_missing",
}

# The client logs the traceback of each time-out; who calls it decides what to say.
logging.getLogger("mailjet_rest.client").setLevel(logging.CRITICAL)


class MailjetGateway:
    """The calls that billing needs.

    :param bool sandbox: messages are checked and not delivered.
    :param str api_base: another server, in sandbox only.
    """

    def __init__(
        self, api_key: str, secret_key: str, sandbox: bool = False, api_base: str = ""
    ) -> None:
        self._auth = (api_key, secret_key)
        self._sandbox = sandbox
        self._options = {"api_url": api_base} if api_base and sandbox else {}
        self._templates: dict[str, int] = {}

    def send(self, message: Message) -> list[Receipt]:
        """Send a message; return a receipt for each recipient."""
        _check(message)
        try:
            values = self._prepare(message)
        except GatewayUnknown as error:
            # Only a template was looked for.
            raise GatewayRefused("unreachable", str(error)) from error
        payload = {"Messages": [values], "SandboxMode": self._sandbox}
        with _typed_failures(), self._open("v3.1") as client:
            # The client's own key leaves out our CustomID.
            answer = client.send.create(
                headers={"Idempotency-Key": message.key}, data=payload
            )
        try:
            return _read_receipts(answer.json())
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # The call was made, so it may have been taken.
            raise GatewayUnknown(
                "bad_answer", "Mailjet's answer is not one."
            ) from error

    def has(self, key: str) -> bool:
        """Tell whether Mailjet has a message of that key."""
        with _typed_failures(), self._open("v3") as client:
            answer = client.message.get(filters={"CustomID": key, "Limit": "1"}).json()
            return bool(answer["Data"])

    def listen(self, url: str) -> None:
        """Have events told to an address, in place of the one that was told before."""
        with _typed_failures(), self._open("v3") as client:
            known = {
                hook["EventType"]: hook["ID"]
                for hook in self._list(client.eventcallbackurl)
                if not hook.get("IsBackup")
            }
            for event in EVENTS:
                values = {"EventType": event, "Url": url, "Version": 2}
                values |= {"IsBackup": False, "Status": "alive"}
                if event in known:
                    client.eventcallbackurl.update(id=known[event], data=values)
                else:
                    client.eventcallbackurl.create(data=values)

    def find_template(self, template: str) -> int:
        """Return the id of a template that is known by its id or by its name."""
        if template.isdecimal():
            return int(template)
        if template not in self._templates:
            with _typed_failures(), self._open("v3") as client:
                for found in self._list(client.template):
                    self._templates.setdefault(found["Name"], found["ID"])
        if template not in self._templates:
            raise GatewayRefused("template_missing", template)
        return self._templates[template]

    # === Helpers === #

    def _open(self, version: str) -> Client:
        if not all(self._auth):
            raise GatewayRefused("not_configured", "There are no API keys of Mailjet.")
        client = Client(
            auth=self._auth, version=version, timeout=TIMEOUT, **self._options
        )
        for scheme in ("https://", "http://"):
            client.session.get_adapter(scheme).max_retries = HTTPAdapter().max_retries
        return client

    def _prepare(self, message: Message) -> dict:
        values = {
            "From": message.sender.as_dict(),
            "To": _as_dicts(message.to),
            "CustomID": message.key,
            "EventPayload": message.key,
        }
        if message.cc:
            values["Cc"] = _as_dicts(message.cc)
        if message.reply_to:
            values["ReplyTo"] = message.reply_to.as_dict()
        if message.template:
            values |= {
                "TemplateID": self.find_template(message.template),
                "TemplateLanguage": True,
                "TemplateErrorReporting": message.sender.as_dict(),
                "TemplateErrorDeliver": False,
                "Variables": {
                    name: str(value)
                    for name, value in (message.variables or {}).items()
                },
            }
        else:
            values |= {
                "Subject": " ".join(message.subject.split())[:MAX_SUBJECT],
                "HTMLPart": message.html,
                "TextPart": message.text,
            }
        if message.files:
            values["Attachments"] = [
                {
                    "ContentType": file.mimetype,
                    "Filename": file.name,
                    "Base64Content": base64.b64encode(file.content).decode(),
                }
                for file in message.files
            ]
        return values

    def _list(self, resource) -> Iterable[dict]:
        offset = 0
        while True:
            filters = {"Limit": str(PAGE), "Offset": str(offset)}
            page = resource.get(filters=filters).json()["Data"]
            yield from page
            offset += len(page)
            if len(page) < PAGE:
                return


def _read_receipts(answer: dict) -> list[Receipt]:
    [result] = answer["Messages"]
    if result["Status"] != "success":
        raise _refusal(result["Errors"][0])
    return [
        Receipt(
            recipient["Email"],
            str(recipient.get("MessageID") or ""),
            str(recipient.get("MessageUUID") or ""),
        )
        for part in ("To", "Cc")
        for recipient in result.get(part) or ()
    ]


def _as_dicts(addresses: Iterable[Address]) -> list[dict[str, str]]:
    return [address.as_dict() for address in addresses]


def _check(message: Message) -> None:
    """Refuse what Mailjet is known to refuse, before a large file travels."""
    if not message.to:
        raise GatewayRefused("no_address", "There is no recipient.")
    if len(message.to) > MAX_RECIPIENTS or len(message.cc) > MAX_RECIPIENTS:
        raise GatewayRefused("too_many", f"More than {MAX_RECIPIENTS} recipients.")
    size = sum(len(file.content) for file in message.files)
    if size > MAX_BYTES:
        raise GatewayRefused("too_big", f"{size} bytes, {MAX_BYTES} at most.")


class _typed_failures:  # noqa: N801
    """Turn the client's failures into ours."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, errors.MailjetAuthError):
            raise GatewayRefused("bad_credentials", str(error)) from error
        if isinstance(error, errors.ApiRateLimitError):
            raise GatewayRefused("rate_limit", str(error)) from error
        if isinstance(error, errors.MailjetApiError):
            raise _read_refusal(error.response_body) from error
        if isinstance(error, errors.ApiError):
            raise _read_silence(error) from error
        if isinstance(error, (KeyError, IndexError, requests.JSONDecodeError)):
            raise GatewayUnknown(
                "bad_answer", "Mailjet's answer is not one."
            ) from error
        if isinstance(error, ValueError):
            # What the client itself finds wrong with a call, before it is made.
            raise GatewayRefused("bad_call", str(error)) from error


def _read_refusal(body: str) -> GatewayRefused:
    """Read why Mailjet refused: of the one message, or of the whole call."""
    try:
        answer = json.loads(body)
        messages = answer.get("Messages")
        return _refusal(messages[0]["Errors"][0] if messages else answer)
    except (ValueError, KeyError, IndexError, AttributeError):
        return GatewayRefused("refused", body[:200])


def _refusal(error: dict) -> GatewayRefused:
    code = error.get("ErrorCode") or "refused"
    return GatewayRefused(CODES.get(code, code), error.get("ErrorMessage") or "")


def _read_silence(error: errors.ApiError):
    """Tell a call that was never made from one whose answer is lost."""
    cause = error.__cause__
    response = getattr(cause, "response", None)
    if response is not None:
        if response.status_code == 413:
            return GatewayRefused("too_big", "Mailjet finds the message too big.")
        return GatewayUnknown(
            "server_error", f"Mailjet answered {response.status_code}"
        )
    reason = getattr(cause.args[0], "reason", None) if cause and cause.args else None
    if isinstance(cause, requests.ConnectTimeout) or isinstance(
        reason, urllib3.exceptions.NewConnectionError
    ):
        return GatewayRefused("unreachable", "Mailjet cannot be reached.")
    return GatewayUnknown("no_answer", "Mailjet gave no answer.")
