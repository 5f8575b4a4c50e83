"""A Mailjet for tests: ``python -m tests.fakes.mailjet_server --port 8431``.

It keeps to Mailjet's documentation: Send API v3.1 (errors of single messages, of the
whole call, sandbox mode, limits), and the resources message, template and
eventcallbackurl of API v3. What it cannot know of the real one is how soon a message
that was sent can be found by its CustomID: `MailjetServer.lag` hides the latest.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, unquote, urlsplit

API_KEY = "a" * 32
SECRET_KEY = "b" * 32
SENDER = "billing@example.com"
MAX_MESSAGES = MAX_RECIPIENTS = 50
MAX_ATTACHMENTS = 15 * 1024 * 1024
MAX_SUBJECT = 255
ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\.[^@\s<>,.]+")
EVENT_TYPES = {"sent", "open", "click", "bounce", "blocked", "spam", "unsub"}
#: Properties of a message, with the type of each.
PROPERTIES = {
    **dict.fromkeys(("From", "Sender", "ReplyTo", "TemplateErrorReporting"), dict),
    **dict.fromkeys(("To", "Cc", "Bcc", "Attachments", "InlinedAttachments"), list),
    **dict.fromkeys(("Subject", "TextPart", "HTMLPart", "CustomID"), str),
    **dict.fromkeys(("EventPayload", "CustomCampaign", "TrackOpens"), str),
    **dict.fromkeys(("TemplateLanguage", "TemplateErrorDeliver"), bool),
    **dict.fromkeys(("Variables", "Headers"), dict),
    "TemplateID": int,
    "Priority": int,
}


@dataclass
class Fault:
    """What becomes of the next requests to a path.

    ``status`` is answered, or with 0 nothing at all: the connection is held for
    ``seconds`` and closed. ``executed``: the request was done before that.
    """

    path: str = "/v3.1/send"
    status: int = 0
    seconds: float = 0
    executed: bool = False
    left: int = 1


class Refusal(Exception):
    """An error of one property, as Mailjet describes it."""

    def __init__(self, code: str, message: str, *related: str, status: int = 400):
        super().__init__(message)
        self.answer = {
            "ErrorIdentifier": str(uuid.uuid4()),
            "ErrorCode": code,
            "StatusCode": status,
            "ErrorMessage": message,
            "ErrorRelatedTo": list(related),
        }


class MailjetServer:
    """A server in a thread; `messages` are those that were really taken."""

    def __init__(self, port: int = 0) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._make_handler())
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.messages: list[dict] = []
        self.tested: list[dict] = []
        self.requests: list[tuple[str, str]] = []
        self.templates = {"api_crmCommunicationCustomerInvoice": 4711}
        self.senders = {SENDER}
        self.keys = (API_KEY, SECRET_KEY)
        self.hooks: list[dict] = []
        self.faults: list[Fault] = []
        self.lag = 0
        #: Whether what is sent in sandbox mode is kept like a real message, so that a
        #: product that may be pointed here in sandbox mode alone can be tested whole.
        self.keeps_tested = False
        self._numbers = count(70650219165027410)

    def __enter__(self) -> MailjetServer:
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def fail(self, **values: object) -> Fault:
        """Have the next requests fail; see `Fault`."""
        self.faults.append(Fault(**values))
        return self.faults[-1]

    def make_event(
        self, kind: str, key: str, email: str = "", **values: object
    ) -> dict:
        """Return an event of a message that was taken, like Mailjet tells it."""
        message = next(found for found in self.messages if found["CustomID"] == key)
        receipts = message["receipts"]
        receipt = next(
            (receipt for receipt in receipts if receipt["Email"] == email), receipts[0]
        )
        return {
            "event": kind,
            "time": int(time.time()),
            "MessageID": receipt["MessageID"],
            "Message_GUID": receipt["MessageUUID"],
            "email": receipt["Email"],
            "mj_campaign_id": 7,
            "mj_contact_id": 4,
            "customcampaign": "",
            "CustomID": key,
            "Payload": message.get("EventPayload", ""),
            **values,
        }

    # === What it does === #

    def answer(self, method: str, path: str, query: dict, body: object):
        """Return status and answer of an authenticated request."""
        if (method, path) == ("POST", "/v3.1/send"):
            return self._send(body)
        if (method, path) == ("GET", "/v3/REST/message"):
            [key] = query.get("CustomID", [""])
            seen = self.messages[: len(self.messages) - self.lag]
            return _list(
                {
                    "ID": receipt["MessageID"],
                    "UUID": receipt["MessageUUID"],
                    "Status": "sent",
                }
                for message in seen
                if key in ("", message.get("CustomID"))
                for receipt in message["receipts"]
            )
        if (method, path) == ("GET", "/v3/REST/template"):
            [offset] = query.get("Offset", ["0"])
            rows = [{"ID": ID, "Name": name} for name, ID in self.templates.items()]
            return _list(rows[int(offset) :])
        if path.startswith("/v3/REST/eventcallbackurl"):
            return self._hook(method, path.rpartition("/")[2], body)
        return 404, {"ErrorInfo": "", "ErrorMessage": "No resource", "StatusCode": 404}

    def _send(self, body: object):
        if not isinstance(body, dict) or not isinstance(body.get("Messages"), list):
            error = Refusal("mj-0003", '"Messages" is mandatory.', "Messages")
            return 400, error.answer
        if not 0 < len(body["Messages"]) <= MAX_MESSAGES:
            error = Refusal("mj-0009", "At most 50 messages.", "Messages")
            return 400, error.answer
        is_sandbox = body.get("SandboxMode") is True
        results = [self._take(message, is_sandbox) for message in body["Messages"]]
        good = any(result["Status"] == "success" for result in results)
        return 200 if good else 400, {"Messages": results}

    def _take(self, message: dict, is_sandbox: bool) -> dict:
        try:
            self._check(message)
        except Refusal as refusal:
            return {"Status": "error", "Errors": [refusal.answer]}
        is_test = is_sandbox and not self.keeps_tested
        result = {"Status": "success", "CustomID": message.get("CustomID", "")}
        receipts = []
        for part in ("To", "Cc", "Bcc"):
            result[part] = [
                {
                    "Email": recipient["Email"],
                    "MessageUUID": "" if is_test else str(uuid.uuid4()),
                    "MessageID": 0 if is_test else next(self._numbers),
                    "MessageHref": f"{self.url}v3/REST/message/1",
                }
                for recipient in message.get(part, [])
            ]
            receipts += result[part]
        taken = self.tested if is_test else self.messages
        taken.append({**message, "receipts": receipts})
        return result

    def _check(self, message: dict) -> None:
        for name, value in message.items():
            if name not in PROPERTIES:
                raise Refusal("mj-0002", f"Unknown property {name}.", name)
            if type(value) is not PROPERTIES[name]:
                raise Refusal("mj-0004", "Type mismatch.", name)
        if "From" not in message and "TemplateID" not in message:
            raise Refusal("mj-0003", '"From" is mandatory.', "From")
        if not message.get("To"):
            raise Refusal("mj-0003", '"To" is mandatory.', "To")
        for part in ("To", "Cc", "Bcc"):
            if len(message.get(part, ())) > MAX_RECIPIENTS:
                raise Refusal("mj-0014", "Too many recipients.", part)
        for part in ("From", "ReplyTo", "TemplateErrorReporting", "To", "Cc", "Bcc"):
            value = message.get(part, [])
            for address in value if isinstance(value, list) else [value]:
                if not ADDRESS.fullmatch(address.get("Email", "")):
                    text = f'"{address.get("Email")}" is an invalid email address.'
                    raise Refusal("mj-0013", text, f"{part}.Email")
        sender = message["From"]["Email"]
        if sender not in self.senders:
            text = f'"{sender}" is not an authorized sender email address.'
            raise Refusal("send-0008", text, "From.Email")
        self._check_content(message)

    def _check_content(self, message: dict) -> None:
        if not {"HTMLPart", "TextPart", "TemplateID"} & message.keys():
            raise Refusal("send-0003", "A text or a template is needed.", "TextPart")
        template = message.get("TemplateID")
        if template is not None and template not in self.templates.values():
            text = f'Template ID "{template}" doesn\'t exist for your account.'
            raise Refusal("send-0010", text, "TemplateID")
        if "TemplateErrorReporting" in message and not message.get("TemplateLanguage"):
            raise Refusal(
                "send-0011", "TemplateLanguage is needed.", "TemplateLanguage"
            )
        if template is None and not message.get("Subject"):
            raise Refusal("mj-0003", '"Subject" is mandatory.', "Subject")
        if len(message.get("Subject", "")) > MAX_SUBJECT:
            raise Refusal("mj-0006", "At most 255 characters.", "Subject")
        size = 0
        for file in message.get("Attachments", []):
            if set(file) != {"ContentType", "Filename", "Base64Content"}:
                raise Refusal("mj-0003", "A file has three properties.", "Attachments")
            base64.b64decode(file["Base64Content"], validate=True)
            size += len(file["Base64Content"])
        if size > MAX_ATTACHMENTS:
            raise Refusal("mj-0015", "Attachments are too big.", "Attachments")

    def _hook(self, method: str, last: str, body: dict):
        if method == "GET":
            return _list(self.hooks)
        if body.get("EventType", "open") not in EVENT_TYPES:
            return 400, {"ErrorMessage": "Invalid EventType", "StatusCode": 400}
        if method == "PUT":
            [hook] = [hook for hook in self.hooks if str(hook["ID"]) == last]
            hook.update(body)
            return _list([hook])
        if any(hook["EventType"] == body["EventType"] for hook in self.hooks):
            text = "An EventCallback with this EventType already exists"
            return 400, {"ErrorMessage": text, "StatusCode": 400}
        self.hooks.append({"ID": len(self.hooks) + 1, **body})
        return 201, _list(self.hooks[-1:])[1]

    def _take_fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.left and path.startswith(fault.path):
                fault.left -= 1
                return fault
        return None

    def _make_handler(server):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_arguments):
                pass

            def _handle(self):
                address = urlsplit(self.path)
                path = unquote(address.path)
                server.requests.append((self.command, path))
                length = int(self.headers.get("Content-Length") or 0)
                data = self.rfile.read(length)
                fault = server._take_fault(path)
                with suppress(BrokenPipeError, ConnectionResetError):
                    if not fault or fault.executed:
                        status, answer = self._answer(path, address.query, data)
                    if not fault:
                        self._write(status, answer)
                    elif fault.status:
                        text = f"Error {fault.status}"
                        error = {"StatusCode": fault.status, "ErrorMessage": text}
                        self._write(fault.status, error)
                    else:
                        time.sleep(fault.seconds)
                        self.close_connection = True
                        self.connection.close()

            do_GET = do_POST = do_PUT = _handle

            def _answer(self, path, query, data):
                pair = ":".join(server.keys).encode()
                expected = f"Basic {base64.b64encode(pair).decode()}"
                if self.headers.get("Authorization") != expected:
                    text = (
                        "API key authentication/authorization failure. You may be"
                        " unauthorized to access the API or your API key may be"
                        " expired."
                    )
                    return 401, {"StatusCode": 401, "ErrorMessage": text}
                try:
                    body = json.loads(data) if data else None
                except ValueError:
                    error = Refusal("mj-0001", "Malformed JSON.")
                    return 400, error.answer
                return server.answer(self.command, path, parse_qs(query), body)

            def _write(self, status, answer):
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler


def _list(rows) -> tuple[int, dict]:
    rows = list(rows)
    return 200, {"Count": len(rows), "Data": rows, "Total": len(rows)}


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8431)
    with MailjetServer(parser.parse_args().port) as server, suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
