"""Who says where a company's mail goes, and what its invoices call it."""

import email
import io
import re
import socketserver
import threading
from urllib.parse import urlsplit

import pytest
from pypdf import PdfReader

from tests.attacks.people import refused
from tests.attacks.test_contacts import make_address

ATTACKER = "attacker@example.org"
RESET = re.compile(r'https?://[^\s"<>]+reset_password[^\s"<>]*')
CSRF = re.compile(r'csrf_token" value="([^"]+)"')


class _Smtp(socketserver.StreamRequestHandler):
    """As little of SMTP as Odoo needs."""

    def handle(self):
        self._say("220 sink")
        to = []
        while line := self.rfile.readline():
            word = line.strip().decode("latin-1")
            verb = word[:4].upper()
            if verb == "RCPT":
                to.append(re.search(r"<(.*?)>", word)[1].lower())
            if verb == "DATA":
                self._say("354 go")
                data = []
                while (one := self.rfile.readline()).rstrip(b"\r\n") != b".":
                    data.append(one)
                self.server.messages.append((tuple(to), b"".join(data)))
                to = []
            self._say("221 bye" if verb == "QUIT" else "250 ok")
            if verb == "QUIT":
                return

    def _say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


class Post(list):
    """The messages that a mail server got: recipients and text."""

    def get_recipients(self):
        return {address for to, _data in self for address in to}

    def find_links(self, address):
        """Find the links for a new password that somebody got."""
        for to, data in self:
            for part in email.message_from_bytes(data).walk():
                if address in to and part.get_content_maintype() == "text":
                    text = part.get_payload(decode=True).decode("utf-8", "replace")
                    yield from RESET.findall(text)


@pytest.fixture
def post(world):
    """Have a mail server that takes everything; give what it got."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Smtp)
    server.daemon_threads = True
    server.messages = Post()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    values = {
        "name": "Sink",
        "smtp_host": "127.0.0.1",
        "smtp_port": server.server_address[1],
        "smtp_encryption": "none",
    }
    sink = world.admin.call("ir.mail_server", "create", [values])
    yield server.messages
    world.admin.call("ir.mail_server", "unlink", sink)
    server.shutdown()


@pytest.fixture(params=["company", "invoice"])
def scope(world, request):
    """Have all contacts see the company's billing, or only its invoice contacts."""
    with world.company(billing_portal_scope=request.param):
        yield request.param


@pytest.fixture
def narrow(world):
    """Have only the company's login and its invoice contacts see its billing."""
    with world.company(billing_portal_scope="invoice"):
        yield


@pytest.fixture
def accounts(world):
    """Have an invoice contact of Acme, entered by staff."""
    yield from _welcome_contact(world, "Accounts", "invoice")


def _welcome_contact(world, name, kind):
    values = {
        "name": name,
        "type": kind,
        "email": f"{name.lower()}@example.com",
        "parent_id": world.ids["partners"]["acme"],
    }
    [one] = world.sam.call("res.partner", "create", [values])
    yield one
    world.admin.call("res.partner", "write", [one], {"active": False})


@pytest.fixture
def bob(world):
    """Have Bob, who has a login, be an invoice contact; give his login back."""
    bob = world.ids["contacts"]["bob"]
    world.sam.call("res.partner", "write", [bob], {"type": "invoice"})
    yield bob
    own = {"type": "contact", "email": "bob@example.com"}
    world.admin.call("res.partner", "write", [bob], own)
    _give_login_back(world, "bob")


def _give_login_back(world, login):
    world.sql(
        "UPDATE res_users SET password = (SELECT password FROM res_users"
        " WHERE login = 'amy') WHERE login = %s",
        login,
    )
    world._people.pop(login, None)


def _divert(world, contact, name="Accounts", **values):
    """Have Amy enter the attacker's address for another contact."""
    values = {"email": ATTACKER, **values}
    form = make_address(world, partner_id=contact, name=name, **values)
    return world.amy.submit("/my/address/submit", **form)


def _send_with_a_message(world, invoice):
    """Have staff send an invoice with Odoo's own dialog."""
    sam, model = world.sam, "account.move.send.wizard"
    sam.call("account.move", "action_billing_email_compose", [invoice.id])
    wizard = sam.call(model, "create", [{"move_id": invoice.id}])
    sam.call(model, "action_send_and_print", wizard)


# === WHO GETS THE MAIL === #


def test_diverted_by_odoos_dialog(world, scope, accounts, post):
    """Get an invoice that staff send with Odoo's dialog, by another's address"""
    _divert(world, accounts)
    invoice = world.bill()
    assert world.read(invoice, "partner_id")[0] == accounts
    _divert(world, accounts)
    post.clear()
    _send_with_a_message(world, invoice)
    assert post.get_recipients() == {"accounts@example.com"}


TEMPLATES = ("mail_template_confirm_payment", "mail_template_card_receipt")


def test_diverted_by_templates(world, scope, accounts, post):
    """Get the link to confirm a payment, or a receipt, by another's address"""
    _divert(world, accounts)
    invoice = world.bill()
    world.pay(world.amy if scope == "company" else world.acme, invoice)
    [[payment]] = world.sql(
        "SELECT payment_id FROM account_move__account_payment WHERE invoice_id = %s",
        invoice.id,
    )
    post.clear()
    for name, record in zip(TEMPLATES, (invoice.id, payment), strict=True):
        [[template]] = world.sql(
            "SELECT res_id FROM ir_model_data WHERE module = 'omni_billing'"
            " AND name = %s",
            name,
        )
        send = {"force_send": True}
        world.admin.call("mail.template", "send_mail", [template], record, **send)
    assert post and ATTACKER not in post.get_recipients()


def test_second_address(world, scope, accounts, post):
    """Add a second e-mail address to the contact that gets the invoices"""
    both = {"email": f"accounts@example.com, {ATTACKER}", "verify_address_values": ""}
    answer = _divert(world, accounts, **both)
    assert answer.json()["messages"]
    invoice = world.bill()
    post.clear()
    _send_with_a_message(world, invoice)
    assert post.get_recipients() == {"accounts@example.com"}


def _send(world, invoice):
    """Have staff send an invoice; return who gets it."""
    world.sam.call("account.move", "action_billing_email", [invoice.id])
    found = world.sql(
        "SELECT lower(r.email) FROM omni_billing_mail m"
        " JOIN omni_billing_mail_recipient r ON r.mail_id = m.id WHERE m.move_id = %s",
        invoice.id,
    )
    return sorted(address for (address,) in found)


@pytest.mark.parametrize("kind", ["delivery", "other"])
def test_other_address_that_is_invoiced(world, scope, kind):
    """Get an invoice by the e-mail of an address that is for something else"""
    for site in _welcome_contact(world, "Site", kind):
        honest = _send(world, world.bill(site, 10))
        assert honest
        _divert(world, site, name="Site")
        invoice = world.bill(site, 10)
        _divert(world, site, name="Site")
        assert _send(world, invoice) == honest


def test_many_addresses(world, scope, accounts):
    """Have the server mail the customer, and staff, again and again"""
    count = "SELECT count(*) FROM mail_mail"
    [[before]] = world.sql(count)
    for number in range(40):
        answer = _divert(world, accounts, email=f"a{number}@example.org")
    assert answer.status_code == 429
    [[after]] = world.sql(count)
    assert after - before < 10
    todos = "SELECT id FROM mail_activity WHERE res_model = 'res.partner'"
    assert len(world.sql(f"{todos} AND res_id = %s", accounts)) == 1


def test_archive_who_gets_the_invoices(world, scope, accounts):
    """Take the contact away that gets the invoices"""
    with refused("own login"):
        world.amy.post("/my/address/archive", partner_id=accounts)
    assert world.read(accounts, "active", model="res.partner")


# === WHO LOGS IN === #


def _ask_for_password(world, login):
    """Ask on Odoo's page for the link that sets a new password."""
    nobody = world.nobody
    form = {"login": login}
    form["csrf_token"] = CSRF.search(nobody.get("/web/reset_password").text)[1]
    nobody.session.post(f"{world.url}/web/reset_password", data=form)


def _log_in_by(world, link, login):
    """Set a new password by such a link, and log in with it."""
    parts = urlsplit(link.replace("&amp;", "&"))
    where = f"{world.url}{parts.path}?{parts.query}"
    thief = world.nobody
    form = {"login": login, "name": login, "password": "taken over 1"}
    form |= {"confirm_password": "taken over 1"}
    form["token"] = re.search(r"token=([^&]+)", parts.query)[1]
    form["csrf_token"] = CSRF.search(thief.session.get(where).text)[1]
    thief.session.post(where, data=form)
    values = {"login": login, "password": "taken over 1"}
    thief.post("/web/session/authenticate", db=world.database, **values)
    return thief


def _read_as_thief(world, post, login, invoice):
    _ask_for_password(world, login)
    assert post, "the link goes to somebody"
    for link in post.find_links(ATTACKER):
        thief = _log_in_by(world, link, login)
        domain = [("id", "=", invoice.id)]
        return thief.call("account.move", "search_read", domain, ["name"])
    return []


def test_take_over_the_login_of_a_contact(world, scope, bob, post):
    """Log in as an invoice contact, by its address and a new password"""
    secret = world.bill()
    _divert(world, bob, name="Bob")
    post.clear()
    assert not _read_as_thief(world, post, "bob", secret)
    assert ATTACKER not in post.get_recipients()


def test_take_over_the_login_of_a_customer(world, post):
    """Log in as the customer of another company, by its address, as a rival's staff"""
    acme, secret = world.ids["partners"]["acme"], world.bill()
    try:
        with refused("login at another company"):
            world.otto.call("res.partner", "write", [acme], {"email": ATTACKER})
        assert not _read_as_thief(world, post, "acme", secret)
    finally:
        own = {"email": "acme@example.com"}
        world.admin.call("res.partner", "write", [acme], own)
        _give_login_back(world, "acme")


# === WHAT INVOICES SAY === #


def _read_pdf(world, invoice):
    world.forget()
    path = f"/my/billing/invoices/{invoice.id}/pdf"
    data = world.nobody.get(path, access_token=invoice.token).content
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


NAMES = ["name", "street", "city", "zip", "vat", "state_id", "country_id", "phone"]


def _keep(world, contact):
    """Read what a contact is called and where it is, to be written again."""
    values = world.read(contact, *NAMES, "type", "email", model="res.partner")
    del values["id"]
    return {k: v[0] if isinstance(v, list) else v for k, v in values.items()}


@pytest.mark.parametrize(
    "values",
    [
        {"company_name": "Evil Corp"},
        {"street": "99 Evil Street"},
        {"vat": "US99EVIL99", "verify_address_values": ""},
    ],
    ids=["name", "street", "vat"],
)
def test_whose_invoice_it_is(world, narrow, values):
    """Have numbered invoices name somebody else, as a contact without the account"""
    acme, amy = world.ids["partners"]["acme"], world.ids["contacts"]["amy"]
    before, own = _keep(world, acme), _keep(world, amy)
    invoice = world.bill()
    assert _read_pdf(world, invoice)
    _divert(world, amy, "Amy", **{"email": "amy@example.com", **values})
    after, second = _keep(world, acme), _read_pdf(world, invoice)
    world.admin.call("res.partner", "write", [amy], own)
    world.admin.call("res.partner", "write", [acme], before)
    assert after == before
    assert next(iter(values.values())) not in second


def test_who_is_named_on_an_invoice(world, narrow, accounts):
    """Rename the contact that numbered invoices are addressed to, as such a contact"""
    invoice = world.bill()
    assert world.read(invoice, "partner_id")[0] == accounts
    assert _divert(world, accounts, name="Evil Corp").status_code == 403
    assert "Evil Corp" not in _read_pdf(world, invoice)
