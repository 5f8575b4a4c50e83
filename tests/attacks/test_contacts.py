"""What a contact of a customer gets at that is the company's, or another's."""

import re

import pytest

from tests.attacks.people import Refused, refused, tried_by

MODELS = (
    *("account.move", "account.move.line", "omni.billing.transaction"),
    *("omni.billing.activity.log", "omni.billing.service", "payment.transaction"),
    *("account.payment", "omni.billing.mail", "omni.billing.installment"),
    *("mail.message", "ir.attachment"),
)
WIZARDS = (
    *("omni.billing.payment.wizard", "omni.billing.void.wizard"),
    *("omni.billing.cancel.wizard", "omni.billing.card.refund.wizard"),
    *("omni.billing.refund.wizard", "omni.billing.proforma.wizard"),
    *("omni.billing.bulk", "payment.link.wizard"),
    *("account.payment.register", "account.move.reversal"),
)


@pytest.fixture
def narrow(world):
    """Have only the company's login and its invoice contacts see its billing."""
    with world.company(billing_portal_scope="invoice"):
        yield


@pytest.fixture(scope="module")
def secret(whole_world):
    """Have an invoice of Acme, whose line has a name of its own."""
    return whole_world.bill()


def _find(who, model, domain):
    try:
        return who.call(model, "search_read", domain, ["display_name"])
    except Refused:
        return []


@tried_by("nobody", "gus", "pat", "otto")
def test_records_of_a_stranger(world, secret, who):
    """Read the records of another customer, or of another company"""
    for model in MODELS:
        assert not _find(who, model, _domain_of(world, model, secret)), model


def test_records_in_the_narrow_scope(world, narrow, secret):
    """Read the company's records as a contact who is not to see its billing"""
    for model in MODELS:
        assert not _find(world.amy, model, _domain_of(world, model, secret)), model


def _domain_of(world, model, invoice):
    partner = world.ids["partners"]["acme"]
    of_partner = [("partner_id", "=", partner)]
    return {
        "account.move": [("id", "=", invoice.id)],
        "account.move.line": [("move_id", "=", invoice.id)],
        "omni.billing.activity.log": [("move_id", "=", invoice.id)],
        "omni.billing.mail": [("move_id", "=", invoice.id)],
        "omni.billing.installment": [("invoice_id", "=", invoice.id)],
        "mail.message": [("model", "=", "account.move"), ("res_id", "=", invoice.id)],
        "ir.attachment": [
            ("res_model", "=", "account.move"),
            ("res_id", "=", invoice.id),
        ],
    }.get(model, of_partner)


PAGES = (
    "/my/billing/invoices/{id}",
    "/my/billing/invoices/{id}/pdf",
    "/my/billing/invoices/{id}/pay",
    "/my/billing/pay?ids={id}",
    "/my/billing",
    "/my/billing/invoices",
    "/my/billing/transactions",
    "/my/billing/activity",
    "/my/invoices",
    "/my/invoices/{id}",
    "/my/invoices/{id}?report_type=pdf",
    "/crm/invoice/{id}/pdf",
    "/report/pdf/account.report_invoice/{id}",
    "/mail/view?model=account.move&res_id={id}",
    "/account/download_invoice_documents/{id}/pdf",
    "/account/download_move_attachments/{id}",
    "/web/image/account.move/{id}/partner_id",
    "/web/content/account.move/{id}/invoice_pdf_report_file",
)


@tried_by("nobody", "gus", "pat")
def test_pages_of_a_stranger(world, secret, who):
    """Open each page of an invoice of another customer, without its link"""
    for page in PAGES:
        _check_closed(who, page, secret)


def test_pages_in_the_narrow_scope(world, narrow, secret):
    """Open the company's pages as a contact who is not to see its billing"""
    for page in PAGES:
        _check_closed(world.amy, page, secret)


def _check_closed(who, page, invoice):
    path, _, query = page.format(id=invoice.id).partition("?")
    answer = who.get(path, **dict(part.split("=") for part in query.split("&") if part))
    assert invoice.name not in answer.text, page
    assert answer.headers.get("Content-Type") != "application/pdf", page


def test_card_in_the_narrow_scope(world, narrow):
    """See the company's card, delete it or charge it, as such a contact"""
    token = world.ids["tokens"]["acme"]
    for path in ("/my/payment_method", "/my/billing/cards", "/my/billing"):
        # The hash of a file may have any digits.
        assert not re.search(r"\b4242\b", world.amy.get(path).text)
    try:
        world.amy.post("/payment/archive_token", token_id=token)
    except Refused:
        pass
    for operation in ("delete", "default"):
        world.amy.submit(f"/my/billing/cards/{token}/{operation}")
    for method in ("action_billing_delete", "action_billing_set_default"):
        with refused():
            world.amy.call("payment.token", method, [token])
    invoice = world.bill()
    before = world.charged()
    for route in ("/invoice/transaction/{id}", "/my/billing/pay/transaction/{id}"):
        with refused():
            values = {"flow": "token", "token_id": token}
            world.begin(world.amy, invoice, route.format(id=invoice.id), **values)
    assert world.charged() == before
    [[is_active]] = world.sql("SELECT active FROM payment_token WHERE id = %s", token)
    assert is_active


# === NOTES === #


@pytest.fixture(scope="module")
def noted(whole_world):
    """Have an invoice on which staff left a note of their own."""
    world = whole_world
    invoice = world.bill()
    note = {"body": "TOPSECRET", "subtype_xmlid": "mail.mt_note"}
    world.sam.call("account.move", "message_post", [invoice.id], **note)
    return invoice


@tried_by("nobody", "amy", "gus", "pat", "otto")
def test_notes_of_staff(world, noted, who):
    """Read what staff wrote about an invoice, with its link too"""
    thread = {"thread_model": "account.move", "thread_id": noted.id}
    for path in ("/mail/chatter_fetch", "/mail/thread/messages"):
        for more in ({}, {"token": noted.token}):
            try:
                assert "TOPSECRET" not in str(who.post(path, **thread, **more))
            except Refused:
                pass
    assert not _find(who, "mail.message", [("body", "like", "TOPSECRET")])


@tried_by("nobody", "gus", "pat", "otto")
def test_write_to_staff(world, noted, who):
    """Write on the invoice of a stranger, or follow it"""
    query = "SELECT count(*) FROM mail_message WHERE model = %s AND res_id = %s"
    before = world.sql(query, "account.move", noted.id)
    for path, values in (
        ("/mail/message/post", {"post_data": {"body": "Hello"}}),
        ("/mail/thread/subscribe", {"partner_ids": [1]}),
    ):
        thread = {"thread_model": "account.move", "thread_id": noted.id}
        thread |= {"res_model": "account.move", "res_id": noted.id}
        with refused():
            who.post(path, **thread, **values)
    with refused():
        who.call("account.move", "message_post", [noted.id], body="Hello")
    with refused():
        who.call("account.move", "message_subscribe", [noted.id], partner_ids=[1])
    assert world.sql(query, "account.move", noted.id) == before


# === ADDRESSES === #


def make_address(world, **values):
    """Give what the form of an address says, to the attacker's liking."""
    [[country, state]] = world.sql(
        "SELECT c.id, s.id FROM res_country c JOIN res_country_state s"
        " ON s.country_id = c.id WHERE c.code = 'US' LIMIT 1"
    )
    return {
        "name": "Attacker",
        "email": "attacker@example.org",
        "phone": "1234567",
        "street": "1 Street",
        "city": "Town",
        "zip": "12345",
        "country_id": country,
        "state_id": state,
        "address_type": "billing",
        "required_fields": "",
        **values,
    }


def _recipients(world, invoice):
    """Give who gets the invoice when staff mail it."""
    told = world.sam.call("account.move", "action_billing_email", [invoice.id])
    found = world.sql(
        "SELECT lower(r.email) FROM omni_billing_mail m"
        " JOIN omni_billing_mail_recipient r ON r.mail_id = m.id WHERE m.move_id = %s",
        invoice.id,
    )
    assert found, told
    return {email for (email,) in found}


def test_invoice_address_of_a_contact(world, narrow):
    """Have the company's invoices go to an address that a contact entered"""
    world.amy.submit("/my/address/submit", **make_address(world))
    invoice = world.bill()
    recipients = _recipients(world, invoice)
    assert "attacker@example.org" not in recipients
    page = world.amy.get(f"/my/billing/invoices/{invoice.id}")
    assert invoice.name not in page.text


def test_address_of_a_stranger(world):
    """Rewrite or archive the address of another customer"""
    for login in ("acme", "globex"):
        before = world.sql("SELECT email, street, active FROM res_partner ORDER BY id")
        victim = world.ids["partners"]["globex" if login == "acme" else "acme"]
        contact = world.ids["contacts"]["gus" if login == "acme" else "amy"]
        for id in (victim, contact, world.ids["partners"]["hidden"]):
            who = world.person(login)
            who.submit("/my/address/submit", **make_address(world, partner_id=id))
            try:
                who.post("/my/address/archive", partner_id=id)
            except Refused:
                pass
            for values in ({"email": "attacker@example.org"}, {"parent_id": False}):
                with refused():
                    who.call("res.partner", "write", [id], values)
        assert before == world.sql(
            "SELECT email, street, active FROM res_partner ORDER BY id"
        )


def test_join_another_company(world):
    """Become a contact of another company"""
    amy = world.ids["contacts"]["amy"]
    globex = world.ids["partners"]["globex"]
    address = make_address(world, partner_id=amy, name="Amy", email="amy@example.com")
    for name in ("parent_id", "commercial_partner_id", "type", "user_ids"):
        world.amy.submit("/my/address/submit", **{**address, name: globex})
    [[parent, kind]] = world.sql(
        "SELECT parent_id, type FROM res_partner WHERE id = %s", amy
    )
    assert parent == world.ids["partners"]["acme"]
    assert kind != "invoice"


# === DIALOGS === #


@pytest.fixture(scope="module")
def dialogs(whole_world, secret):
    """Have each dialog open, as Mia does."""
    mia, context = whole_world.mia, _context_of(secret)
    return {
        model: mia.call(
            model,
            "create",
            [_dialog_values(whole_world, model, secret)],
            context=context,
        )
        for model in WIZARDS
    }


@tried_by("otto", "pat", "amy", "nobody", "ivy")
def test_dialog_of_somebody_else(world, dialogs, who):
    """Read or change a dialog that somebody else has open"""
    for model, wizard in dialogs.items():
        for method, values in (("read", ["display_name"]), ("write", {})):
            with pytest.raises(Refused):
                who.call(model, method, wizard, values)
                pytest.fail(f"{who} may {method} {model}")
        assert wizard[0] not in [one["id"] for one in _find(who, model, [])], model


@tried_by("otto", "pat", "amy", "nobody")
def test_dialog_about_what_is_hidden(world, secret, who):
    """Learn of invoices of others by a dialog about them"""
    context = _context_of(secret)
    for model in WIZARDS:
        values = _dialog_values(world, model, secret)
        names = list(values)
        for method, args in (
            ("create", [[values]]),
            ("onchange", [[], values, names, {name: {} for name in names}]),
            ("default_get", [names]),
        ):
            try:
                told = str(who.call(model, method, *args, context=context))
            except Refused as refusal:
                told = str(refusal)
            assert secret.name not in told, model


def _context_of(invoice):
    active = {"active_id": invoice.id, "active_ids": [invoice.id]}
    return {"active_model": "account.move", **active}


def _dialog_values(world, model, invoice):
    partner = world.ids["partners"]["acme"]
    if model in ("omni.billing.proforma.wizard", "omni.billing.refund.wizard"):
        return {"partner_id": partner}
    if model in ("omni.billing.cancel.wizard", "omni.billing.card.refund.wizard"):
        return {"invoice_id": invoice.id}
    if model == "omni.billing.bulk":
        return {"operation": "email", "invoice_ids": [(6, 0, [invoice.id])]}
    if model.startswith("omni."):
        return {"invoice_ids": [(6, 0, [invoice.id])]}
    if model == "payment.link.wizard":
        return {"res_model": "account.move", "res_id": invoice.id}
    if model == "account.move.reversal":
        return {"journal_id": 1, "move_ids": [(6, 0, [invoice.id])]}
    return {}


@tried_by("nobody", "amy", "pat", "sam", "mia", "ivy", "art")
def test_settings(world, who):
    """Set system parameters, or have others made, by the settings of Odoo"""
    query = "SELECT key, value FROM ir_config_parameter ORDER BY key"
    before = world.sql(query)
    for ids in ([], [1]):
        with refused():
            who.call("res.config.settings", "set_values", ids)
    with refused():
        who.call("res.config.settings", "create", [{"billing_pdf_max_mb": 1}])
    with refused():
        name = "omni_billing.stripe_api_base"
        who.call("ir.config_parameter", "set_param", name, "x")
    assert world.sql(query) == before


@tried_by("nobody", "amy", "pat")
def test_work_for_nothing(world, secret, who):
    """Have the server clear PDFs, remind, mail or void, without a right to"""
    for method in (
        *("action_billing_clear_pdf", "action_billing_email", "action_billing_void"),
        *("action_billing_remind", "action_billing_pause_reminders"),
    ):
        with refused():
            who.call("account.move", method, [secret.id])


@pytest.mark.parametrize("login", ["gus", "globex", "pat", "nobody"])
def test_report_the_charge_of_a_stranger(world, login):
    """Report the charge of another customer, so that it is not billed"""
    values = {
        "partner_id": world.ids["partners"]["acme"],
        "name": "Secret",
        "retail_cost": 5,
        "tax_ids": [],
    }
    [id] = world.sam.call("omni.billing.transaction", "create", [values])
    who = world.person(login)
    path = f"/my/billing/transactions/{id}/report"
    assert "Secret" not in who.get(path).text
    try:
        answer = who.submit(path, text="It is not mine.")
    except TypeError:
        # Who is not logged in has no page with the secret of forms.
        assert login == "nobody"
    else:
        assert answer.status_code in (303, 404)
    with refused():
        who.call("omni.billing.transaction", "write", [id], {"report_state": "open"})
    query = "SELECT report_state FROM omni_billing_transaction WHERE id = %s"
    assert world.sql(query, id) == [(None,)]


def test_see_the_payer_as_a_participant(world):
    """Read the invoice, or other charges, of who pays for one's use; or pay them"""
    partners = world.ids["partners"]
    values = {"name": "Lessons", "retail_cost": 5, "tax_ids": []}
    used = {**values, "partner_id": partners["globex"], "payer_id": partners["acme"]}
    own = {**values, "partner_id": partners["acme"], "name": "Secret"}
    model = "omni.billing.transaction"
    [used_id, own_id] = world.sam.call(model, "create", [used, own])
    invoice = world.bill("acme")
    for who in (world.gus, world.globex):
        found = _find(who, model, [("id", "in", [used_id, own_id])])
        assert [row["id"] for row in found] == [used_id]
        assert not _find(who, "account.move", [("id", "=", invoice.id)])
        assert "Secret" not in who.get("/my/billing/transactions?filterby=others").text
        with refused():
            world.begin(who, invoice, access_token=None)
        with refused():
            who.call(model, "write", [used_id], {"payer_id": partners["globex"]})
