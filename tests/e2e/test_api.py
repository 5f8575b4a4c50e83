"""docs/api.md is run, call by call, as the program of a billing user."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path
from string import Template

from stories import add_customer, bill, charge

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
CALL = re.compile(r"^call (\S+) <<JSON\n(.*?)^JSON$", re.MULTILINE | re.DOTALL)

MAKE_KEY = """
from odoo.fields import Datetime
user = env["res.users"].search([("login", "=", "staff")])
expiry = Datetime.add(Datetime.now(), days=1)
print(env["res.users.apikeys"].with_user(user).sudo()._generate("rpc", "e2e", expiry))
env.cr.commit()
"""
COUNT = """
print(env["omni.billing.pdf.cache"]._get_usage()["renders"])
"""


def fetch(url, key, body=None, **headers):
    """Return status, headers and content."""
    request = urllib.request.Request(
        url,
        data=body and body.encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            **headers,
        },
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_what_the_document_says(server):
    """F99: each example of docs/api.md, in its order."""
    key = server.shell(MAKE_KEY).strip()
    staff = server.rpc("staff")
    customer = add_customer(server, "Program Customer")
    charge(staff, customer, "Another", cost=9, date="2025-02-01")
    names = {"CUSTOMER": customer}
    done = []
    for path, text in CALL.findall(DOCUMENT.read_text()):
        if path == "account.move/action_billing_void":
            names["OTHER_INVOICE"] = bill(staff, customer)["id"]
        body = Template(text).substitute(names)
        json.loads(body)
        status, _headers, content = fetch(f"{server.url}/json/2/{path}", key, body)
        assert status == 200, (path, content)
        answer = json.loads(content)
        if path == "omni.billing.transaction/load":
            assert len(answer["ids"]) == 2, answer
            again = fetch(f"{server.url}/json/2/{path}", key, body)[2]
            assert json.loads(again)["ids"] == []
        elif path == "omni.billing.transaction/search_read":
            assert [row["amount_total"] for row in answer] == [3.6, 1.2, 9.0]
        elif path == "omni.billing.proforma.wizard/create":
            names["WIZARD"] = answer[0]
        elif path == "omni.billing.proforma.wizard/action_generate":
            names["INVOICE"] = answer["res_id"]
        elif path == "account.move/search_read":
            assert [(row["billing_state"], row["amount_total"]) for row in answer] == [
                ("unpaid", 4.8)
            ]
        elif path == "omni.billing.payment.wizard/create":
            names["PAYMENT"] = answer[0]
        done.append(path)
    assert len(done) == 8, done
    states = staff.call(
        "account.move",
        "read",
        [names["INVOICE"], names["OTHER_INVOICE"]],
        ["billing_state"],
    )
    assert [row["billing_state"] for row in states] == ["paid", "void"]


def test_two_first_requests_make_one_pdf(server):
    """F108, design §5.6: the second waits for the first, and has the same file."""
    key = server.shell(MAKE_KEY).strip()
    staff = server.rpc("staff")
    customer = add_customer(server, "Hasty Customer")
    for number in range(60):
        charge(staff, customer, f"Call {number}", cost=1)
    url = f"{server.url}/crm/invoice/{bill(staff, customer)['id']}/pdf"
    before = int(server.shell(COUNT))
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(fetch(url, key)))
        for _number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer[0] for answer in answers] == [200] * 4
    assert len({answer[2] for answer in answers}) == 1
    assert int(server.shell(COUNT)) == before + 1
    status, _headers, content = fetch(
        url, key, **{"If-None-Match": answers[0][1]["ETag"]}
    )
    assert (status, content) == (304, b"")
