"""What colleagues and another company's staff get at that is somebody else's."""

import pytest

from tests.attacks.people import refused, tried_by
from tests.attacks.test_contacts import narrow  # noqa: F401
from tests.attacks.world import PASSWORD

SEND = "account.move.send.wizard"
SEND_BATCH = "account.move.send.batch.wizard"
SHARED = [
    f"omni.billing.{name}" for name in ("template", "reminder.level", "credit.type")
]


@tried_by("otto", "mia", "art")
def test_dialog_that_sends(world, who):
    """Find, read or rewrite the dialog in which somebody sends an invoice"""
    invoice, other = world.bill(), world.bill()
    [one] = world.sam.call(SEND, "create", [{"move_id": invoice.id}])
    both = [(6, 0, [invoice.id, other.id])]
    [many] = world.sam.call(SEND_BATCH, "create", [{"move_ids": both}])
    assert one not in who.call(SEND, "search", [])
    for model, dialog in ((SEND, one), (SEND_BATCH, many)):
        with refused():
            who.call(model, "read", [dialog], ["display_name"])
    with refused():
        who.call(SEND, "write", [one], {"body": "Pay to my account"})


@tried_by("otto", "mia")
def test_dialog_that_gives_logins(world, who):
    """Rewrite the address in the dialog in which somebody gives a contact a login"""
    values = {"name": "Finance", "parent_id": world.ids["partners"]["acme"]}
    [partner] = world.sam.call("res.partner", "create", [values])
    partners = {"partner_ids": [(6, 0, [partner])]}
    [dialog] = world.sam.call("portal.wizard", "create", [partners])
    domain = [("wizard_id", "=", dialog)]
    [row] = world.sam.call("portal.wizard.user", "search", domain)
    with refused():
        who.call("portal.wizard.user", "write", [row], {"email": "a@example.org"})


@pytest.mark.parametrize(
    "model",
    [
        "omni.billing.template",
        "omni.billing.reminder.level",
        "omni.billing.credit.type",
    ],
)
def test_what_companies_share(world, model):
    """Rewrite the page, the reminders or the credit types that companies share"""
    if "rita" not in world.ids["users"]:
        _hire_rita(world)
    [shared, *_more] = world.rita.call(model, "search", [("company_id", "=", False)])
    with refused():
        world.rita.call(model, "write", [shared], {"name": "Rival's"})
    with refused():
        world.rita.call(model, "create", [{"name": "Rival's", "company_id": False}])


def _hire_rita(world):
    """Have a billing manager at the rival."""
    [[group]] = world.sql(
        "SELECT res_id FROM ir_model_data"
        " WHERE module = 'omni_billing' AND name = 'omni_billing_group_manager'"
    )
    values = {
        "name": "Rita",
        "login": "rita",
        "email": "rita@rival.example.com",
        "password": PASSWORD,
        "company_id": world.ids["rival"],
        "company_ids": [(6, 0, [world.ids["rival"]])],
        "group_ids": [(4, group)],
    }
    context = {"no_reset_password": True}
    [rita] = world.admin.call("res.users", "create", [values], context=context)
    world.ids["users"]["rita"] = rita


def test_invoice_of_a_subsidiary(world, narrow):  # noqa: F811
    """Read a subsidiary's invoice as a contact who is not to see the billing"""
    values = {
        "name": "Acme Labs",
        "is_company": True,
        "parent_id": world.ids["partners"]["acme"],
    }
    [subsidiary] = world.sam.call("res.partner", "create", [values])
    invoice = world.bill(subsidiary)
    domain = [("id", "=", invoice.id)]
    assert not world.amy.call("account.move", "search_read", domain, ["name"])
    lines = [("move_id", "=", invoice.id)]
    assert not world.amy.call("account.move.line", "search_read", lines, ["name"])
    for path in ("", "/pdf", "/pay"):
        answer = world.amy.get(f"/my/billing/invoices/{invoice.id}{path}")
        assert invoice.name not in answer.text
        assert answer.headers.get("Content-Type") != "application/pdf"
    assert invoice.name not in world.amy.get("/my/invoices").text


def test_scope_of_another_company(world, narrow):  # noqa: F811
    """See what one seller hides by being logged in to another one"""
    invoice = world.bill()
    begun = world.begin(world.acme, invoice)
    amy, ids = world.ids["users"]["amy"], world.ids
    both = [(6, 0, [ids["company"], ids["rival"]])]
    world.admin.call("res.users", "write", [amy], {"company_ids": both})
    try:
        world.amy.call("res.users", "write", [amy], {"company_id": ids["rival"]})
        for companies in (
            [ids["company"], ids["rival"]],
            [ids["rival"], ids["company"]],
        ):
            context = {"allowed_company_ids": companies}
            for model, domain in (
                ("account.move", [("id", "=", invoice.id)]),
                ("omni.billing.transaction", [("invoice_id", "=", invoice.id)]),
            ):
                found = world.amy.call(
                    model, "search_read", domain, ["name"], context=context
                )
                assert not found
        page = world.amy.get(f"/my/billing/invoices/{invoice.id}")
        assert invoice.name not in page.text
        with refused():
            world.amy.post("/my/billing/pay/check", reference=begun["reference"])
        assert "•••• 4242" not in world.amy.get("/my/billing/cards").text
    finally:
        one = {"company_id": ids["company"], "company_ids": [(6, 0, [ids["company"]])]}
        world.admin.call("res.users", "write", [amy], one)


def test_money_back_for_no_credit_note(world):
    """Give money back for a credit note that is none, in the dialog of items"""
    invoice, other = world.bill(), world.bill(amount=77)
    values = {"invoice_id": invoice.id, "note_id": other.id, "mode": "bank"}
    model = "omni.billing.cancel.wizard"
    with refused("cannot be sent"):
        world.mia.call(model, "create", [values])
    del values["note_id"]
    [dialog] = world.mia.call(model, "create", [values])
    with refused("cannot be sent"):
        world.mia.call(model, "write", [dialog], {"note_id": other.id})
    with refused("cannot be sent"):
        world.mia.call(model, "create", [values], context={"default_note_id": other.id})


def test_run_in_another_s_name(world):
    """Have what a run does written down as done by somebody else"""
    mia = world.ids["users"]["mia"]
    with refused("answer for"):
        world.sam.call("omni.billing.run", "create", [{"user_id": mia}])
    [run] = world.sam.call("omni.billing.run", "create", [{}])
    with refused("answer for"):
        world.sam.call("omni.billing.run", "write", [run], {"user_id": mia})


def test_page_of_a_link_is_kept_by_nobody(world):
    """Find the page of an invoice in a cache between the customer and the server"""
    invoice = world.bill()
    for path in ("", "/pay", "/pdf"):
        answer = world.nobody.get(
            f"/my/billing/invoices/{invoice.id}{path}", access_token=invoice.token
        )
        assert answer.status_code == 200
        assert "private" in answer.headers["Cache-Control"]
