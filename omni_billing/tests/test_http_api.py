import json
import re
from pathlib import Path
from string import Template
from unittest import skipUnless

from odoo.fields import Datetime
from odoo.tests import tagged
from odoo.tools import mute_logger

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

    def _send(self, path, body):
        headers = self.headers | {"Content-Type": "application/json"}
        return self.url_open(f"/json/2/{path}", data=body, headers=headers)

    def _call(self, path, body):
        response = self._send(path, body)
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
            if path.startswith("omni.billing.") and "/action_" in path:
                # What the document says of what is sent again.
                self.assertEqual(self._call(path, body), answer)
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
            elif path == "omni.billing.payment.ref/search_read":
                self.assertEqual([row["amount"] for row in answer], [4.8])
            elif path == "account.move/action_billing_void":
                self.assertEqual(self._send(path, body).status_code, 422)
        self.assertEqual(len(done), 9, done)

        self.env.invalidate_all()
        ids = [names["INVOICE"], names["OTHER_INVOICE"]]
        moves = self.env["account.move"].browse(ids)
        self.assertEqual(moves.mapped("billing_state"), ["paid", "void"])
        [path] = FETCH.findall(text)
        pdf = self.url_open(Template(path).substitute(names), headers=self.headers)
        self.assertEqual(pdf.headers["Content-Type"], "application/pdf")

    def test_payment_that_is_sent_again_in_a_dialog_of_its_own(self):
        invoice = self._bill(date_start="2020-01-01")
        values = {
            "invoice_ids": [[6, 0, invoice.ids]],
            "mode": "bank",
            "amount": 5,
            "external_ref": "P-1",
        }

        def send(**changed):
            path = "omni.billing.payment.wizard"
            body = json.dumps({"vals_list": [values | changed]})
            [dialog] = self._call(f"{path}/create", body)
            return self._send(f"{path}/action_pay", json.dumps({"ids": [dialog]}))

        first = send()
        self.assertEqual(first.status_code, 200)
        self.assertEqual(send().json(), first.json())
        other = send(amount=6)
        self.assertEqual(other.status_code, 422)
        self.assertIn("5.00", other.json()["message"])
        self.assertIn("6.00", other.json()["message"])
        self.env.invalidate_all()
        self.assertEqual(invoice.amount_residual, 4)

    @mute_logger("odoo.http")
    def test_json_that_is_nested_too_deeply(self):
        deep = "[" * 100_000 + "]" * 100_000
        for body in (deep, f'{{"fields": {deep}}}'):
            response = self._send("omni.billing.transaction/load", body)
            self.assertEqual(response.status_code, 400, response.text[:1000])
            self.assertIn("nested too deeply", response.json()["message"])

    def test_what_is_wrong_is_told(self):
        """422 and why, never 500."""
        invoice = self._bill(date_start="2020-01-01")
        payment = "omni.billing.payment.wizard"
        ids = [[6, 0, invoice.ids]]
        row = ["X-1", str(self.customer.id), "2025-01-10", "Calls", "3.60"]
        columns = ["external_ref", "partner_id/.id", "date", "name", "retail_cost"]
        load = "omni.billing.transaction/load"

        def create(**values):
            return json.dumps({"vals_list": [{"invoice_ids": ids, **values}]})

        def rows(*data, last="retail_cost"):
            fields = [*columns[:-1], last]
            return json.dumps({"fields": fields, "data": list(data)})

        for path, body in (
            (f"{payment}/create", create(mode="iou")),
            (f"{payment}/create", create(colour="red")),
            (f"{payment}/create", create(amount=float("nan"))),
            (f"{payment}/create", create(amount=1e308)),
            (f"{payment}/create", create(amount=10**400)),
            (f"{payment}/create", create(amount="ten")),
            (f"{payment}/create", create(reference="a\0b")),
            (f"{payment}/create", create(date="2025-02-30")),
            (f"{payment}/create", create(token_id=[])),
            (f"{payment}/create", create(invoice_ids="all")),
            (f"{payment}/create", '{"vals_list": null}'),
            (f"{payment}/create", '{"vals_list": "x"}'),
            (f"{payment}/create", "{}"),
            (f"{payment}/action_pay", '{"ids": []}'),
            (f"{payment}/action_pay", '{"ids": [1, 2]}'),
            (load, rows(row, last="cost")),
            (load, rows([*row[:-1], "nan"])),
            (load, rows([*row[:-1], float("inf")])),
            (load, rows([*row[:-1], "1e308"])),
            (load, rows(["a\0b", *row[1:]])),
            (load, rows(row[:-1])),
            (load, rows(None)),
            (load, json.dumps({"fields": columns, "data": None})),
            (load, json.dumps({"fields": None, "data": [row]})),
            (load, json.dumps({"fields": columns})),
            (
                "account.move/action_billing_void",
                json.dumps({"ids": invoice.ids, "reason": "a\0b"}),
            ),
        ):
            with self.subTest(path, body=body[:200]):
                response = self._send(path, body)
                self.assertEqual(response.status_code, 422, response.text[:1000])
                self.assertTrue(response.json()["message"])
        self.assertFalse(
            self.env["account.payment"].search([("partner_id", "=", self.customer.id)])
        )
