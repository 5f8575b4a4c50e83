"""Odoo's access point to Peppol, as far as sending goes; all else fails."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

from lxml import etree
from requests import Response

HOST = "peppol.test.odoo.com"
CLIENT = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
BIS3 = (
    "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:"
    "en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
)
PARTY = "{*}AccountingCustomerParty/{*}Party/{*}EndpointID"


class AccessPoint:
    """Takes documents for customers that it knows, and tells what became of them."""

    def __init__(self, *customers):
        self.customers = set(customers)
        self.looked_up = []
        #: What was sent: receiver and XML, by the number that it got.
        self.documents = {}
        #: What is told of a document: a state, or an error.
        self.answers = {}
        self.acknowledged = []
        self.is_down = False
        #: What is answered to who looks a customer up, if not the truth.
        self.odd_answer = None

    def answer(self, request):
        """Answer a request, or fail if nobody should have sent it."""
        url = urlsplit(request.url)
        assert (url.scheme, url.hostname) == ("https", HOST), request.url
        if url.path == "/api/peppol/1/lookup":
            assert request.method == "GET"
            [identifier] = parse_qs(url.query)["peppol_identifier"]
            return self._look_up(identifier)
        assert request.method == "POST"
        assert request.headers["odoo-edi-client-id"] == CLIENT
        assert request.headers["odoo-edi-signature"]
        name = url.path.removeprefix("/api/peppol/1/")
        body = json.loads(request.body)
        assert body["jsonrpc"] == "2.0"
        if self.is_down:
            return _respond({}, 503)
        answers = {
            "send_document": self._send,
            "get_document": self._tell,
            "ack": self._acknowledge,
        }
        return _respond({"result": answers[name](body["params"])})

    def _look_up(self, identifier):
        self.looked_up.append(identifier)
        if self.odd_answer is not None:
            return _respond(self.odd_answer, 503)
        if identifier not in self.customers:
            return _respond({"error": {"code": "NOT_FOUND", "message": "none"}}, 404)
        service = {"href": "http://smp.example.com/services/1", "document_id": BIS3}
        return _respond({"result": {"identifier": identifier, "services": [service]}})

    def _send(self, params):
        messages = []
        for document in params["documents"]:
            assert set(document) == {"filename", "receiver", "ubl"}
            assert document["receiver"] in self.customers
            tree = etree.fromstring(base64.b64decode(document["ubl"]))
            endpoint = tree.find(PARTY)
            address = f"{endpoint.get('schemeID')}:{endpoint.text}"
            assert address == document["receiver"]
            number = f"document-{len(self.documents)}"
            self.documents[number] = (document["receiver"], tree)
            messages.append({"message_uuid": number})
        return {"messages": messages}

    def _tell(self, params):
        return {
            number: self.answers.get(number) or {"error": {"code": 702, "message": "-"}}
            for number in params["message_uuids"]
        }

    def _acknowledge(self, params):
        self.acknowledged += params["message_uuids"]
        return {}


def _respond(content, status=200):
    response = Response()
    response.status_code = status
    response._content = json.dumps(content).encode()
    return response
