import json
import re
from pathlib import Path
from string import Template
from unittest import skipUnless

from odoo.fields import Datetime
from odoo.tests import tagged

from .common import BillingCommon
from .http_common import PatientHttpCase

#: It comes with the project, not with the addon alone.
DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
CALL = re.compile(r"^call (\S+) <<JSON\n(.*?)^JSON$", re.MULTILINE | re.DOTALL)
FETCH = re.compile(r'^curl -sS -o \S+ "\$URL(\S+)"', re.MULTILINE)


@tagged("post_install", "-at_install")
class TestApi(BillingCommon, PatientHttpCase):
    """docs/api.md is run, call by call, as the program of a billing user."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_transaction(9, name="Another", date="2025-02-01")
        keys = cls.env["res.users.apikeys"].with_user(cls.staff).sudo()
        expiry = Datetime.add(Datetime.now(), days=1)
        cls.headers = {"Authorization": f"Bearer {keys._generate('rpc', 'x', expiry)}"}

    def _call(self, path, body):
        headers = self.headers | {"Content-Type": "application/json"}
        response = self.url_open(f"/json/2/{path}", data=body, headers=headers)
        self.assertEqual(response.status_code, 200, f"{path}: {response.text}")
        return response.json()

    @skipUnless(DOCUMENT.exists(), "docs/api.md is not here")
    def test_what_the_document_says(self):
        """F99: each example of docs/api.md, in its order."""
        text = DOCUMENT.read_text()
        names = {"CUSTOMER": self.customer.id}
        done = []
        for path, example in CALL.findall(text):
            if path == "account.move/action_billing_void":
                names["OTHER_INVOICE"] = self._bill(date_start="2020-01-01").id
            body = Template(example).substitute(names)
            json.loads(body)
            answer = self._call(path, body)
            done.append(path)
            if path == "omni.billing.transaction/load":
                self.assertEqual(len(answer["ids"]), 2)
                self.assertEqual(self._call(path, body)["ids"], [])
            elif path == "omni.billing.transaction/search_read":
                amounts = [row["amount_total"] for row in answer]
                self.assertEqual(amounts, [3.6, 1.2, 9.0])
            elif path == "omni.billing.proforma.wizard/create":
                names["WIZARD"] = answer[0]
            elif path == "omni.billing.proforma.wizard/action_generate":
                names["INVOICE"] = answer["res_id"]
            elif path == "account.move/search_read":
                found = [(row["billing_state"], row["amount_total"]) for row in answer]
                self.assertEqual(found, [("unpaid", 4.8)])
            elif path == "omni.billing.payment.wizard/create":
                names["PAYMENT"] = answer[0]
        self.assertEqual(len(done), 8, done)

        self.env.invalidate_all()
        ids = [names["INVOICE"], names["OTHER_INVOICE"]]
        moves = self.env["account.move"].browse(ids)
        self.assertEqual(moves.mapped("billing_state"), ["paid", "void"])
        [path] = FETCH.findall(text)
        pdf = self.url_open(Template(path).substitute(names), headers=self.headers)
        self.assertEqual(pdf.headers["Content-Type"], "application/pdf")
