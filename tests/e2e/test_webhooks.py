"""A manager has another program told of what happens, and sees what became of it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect
from screens import find_field, press, wait_until
from standardwebhooks import Webhook
from stories import add_customer, bill, charge, parameters

from tests.fakes.endpoint import Endpoint


class Program:
    """Takes what it can verify, once it has its secret."""

    def __init__(self):
        self.secret = ""
        self.taken = []
        self.endpoint = Endpoint(self._take)

    def _take(self, body, headers):
        Webhook(self.secret).verify(body, headers)
        self.taken.append(json.loads(body)["type"])
        return 204


@pytest.fixture
def program(server):
    found = Program()
    with parameters(server, webhook_local_base=found.endpoint.url):
        yield found
    found.endpoint.close()


def test_another_program_is_told(server, page, login, program):
    """W39: address, secret, a test, and an invoice; then each message is looked at."""
    login("manager")
    page.goto("/odoo/billing-webhooks/new")
    find_field(page, "name").locator("input").fill("Provisioning")
    find_field(page, "url").locator("input").fill(program.endpoint.url)
    press(page, "Save manually")
    press(page, "Show the Secret")
    box = page.get_by_role("dialog")
    secret = find_field(box, "secret")
    expect(secret).to_contain_text("whsec_")
    [program.secret] = re.findall(r"whsec_\S+=", secret.inner_text())
    press(box, "Done")
    press(page, "Send a Test")
    wait_until(page, lambda: program.taken == ["webhook.test"])
    expect(page.get_by_role("button", name="Show the Secret")).to_have_count(0)
    staff = server.rpc("staff")
    cafe = add_customer(server, "Hook Cafe")
    charge(staff, cafe, "Fibre", cost=45)
    bill(staff, cafe)
    page.goto("/odoo/billing-webhook-messages")
    row = page.locator(".o_data_row").filter(has_text="invoice.posted").first
    expect(row).to_contain_text("Queued")
    # Each minute, whoever asks for it.
    job = server.ref("omni_billing.ir_cron_send_webhooks")
    server.rpc("admin").call("ir.cron", "method_direct_trigger", [job])
    assert program.taken[1:] == ["invoice.posted"]
    page.reload()
    expect(row).to_contain_text("Sent")
    press(row, "Send Again")
    wait_until(page, lambda: program.taken[2:] == ["invoice.posted"])
    assert not program.endpoint.crashes
    [webhook] = server.rpc("manager").call(
        "omni.billing.webhook", "search", [("name", "=", "Provisioning")]
    )
    server.rpc("manager").call("omni.billing.webhook", "unlink", [webhook])
