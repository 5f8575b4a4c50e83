"""Bill a customer in each of some countries, and compare Odoo's page with ours.

Runs in ``odoo shell``. Everything is on the invoice that a report there may print.
Prints each word of Odoo's page that ours has not; or writes both into a folder.
"""

import io
import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import qrcode
from lxml import html
from PIL import Image

from odoo import fields
from odoo.fields import Command
from odoo.tools import file_path

from odoo.addons.omni_billing.tools.write_guard import trust

sys.path.insert(0, os.getcwd())

from dev.scripts import companies  # noqa: E402

#: Of sellers and customers there: what a report might print, in fields that the
#: country's own addons may bring. Made up, with check digits that are right.
SELLERS = {
    "FR": {
        "street": "12 rue de la République",
        "zip": "69002",
        "city": "Lyon",
        "vat": "FR23334175221",
        "company_registry": "33417522100012",
        "account": "FR1420041010050500013M02606",
    },
    "BE": {
        "street": "Rue du Port 7",
        "zip": "1000",
        "city": "Brussels",
        "vat": "BE0477472701",
        "account": "BE71096123456769",
    },
    "CH": {
        "street": "Bahnhofstrasse 12",
        "zip": "8001",
        "city": "Zürich",
        "vat": "CHE-107.787.577 TVA",
        "account": "CH4431999123000889012",
    },
    "DE": {
        "street": "Hafenstraße 4",
        "zip": "20457",
        "city": "Hamburg",
        "vat": "DE136695976",
        "company_registry": "HRB 112233",
        "account": "DE44500105175407324931",
    },
    "CA": {
        "street": "400 rue Sainte-Catherine",
        "zip": "H3B 1A7",
        "city": "Montréal",
        "state": "QC",
        "vat": "123026635RT0001",
        "l10n_ca_pst": "1234567890TQ0001",
        "account": "0006789012",
        "clearing_number": "000400011",
    },
    "AU": {
        "street": "5 Harbour Street",
        "zip": "2000",
        "city": "Sydney",
        "state": "NSW",
        "vat": "83914571673",
        "l10n_au_is_gst_registered": True,
        "account": "12345678",
        "aba_bsb": "062-000",
    },
    "US": {
        "street": "250 Harbor Drive",
        "zip": "94105",
        "city": "San Francisco",
        "state": "CA",
        "vat": "12-3456789",
        "account": "9876543210",
        "clearing_number": "026009593",
    },
    "GB": {
        "street": "18 Harbour Street",
        "zip": "BS1 4QA",
        "city": "Bristol",
        "vat": "GB980780684",
        "company_registry": "09876543",
        "account": "GB33BUKB20201555555555",
    },
}
BUYERS = {
    "FR": {
        "name": "Atelier Lemoine",
        "street": "8 quai de Saône",
        "zip": "69005",
        "city": "Lyon",
        "vat": "FR83404833048",
        "company_registry": "40483304800022",
    },
    "BE": {"name": "Brasserie du Canal", "city": "Liège", "vat": "BE0403019261"},
    "CH": {
        "name": "Bergbahn Uri AG",
        "street": "Dorfstrasse 3",
        "zip": "6460",
        "city": "Altdorf",
    },
    "DE": {"name": "Kontor Brandt", "city": "Bremen", "vat": "DE129273398"},
    "CA": {
        "name": "Boulangerie Tremblay",
        "city": "Québec",
        "state": "QC",
        "vat": "876543216RT0001",
        "l10n_ca_pst": "0987654321TQ0001",
    },
    "AU": {"name": "Bondi Surf Hire", "city": "Bondi", "vat": "51824753556"},
    "US": {"name": "Bayview Rentals", "city": "Oakland", "state": "CA"},
    "GB": {"name": "Brunel Tours", "city": "Bath", "vat": "GB802311782"},
}
#: Where pages are drawn in French, too.
FRENCH = ("BE", "CA", "CH", "FR")
#: What is above or beside the values of Odoo's page, in its words and not in ours; each
#: was looked at. Then those of France, whose kind of operation we say in other words
#: and whose taxes in their groups; of Canada: in Québec it is the QST; and of the
#: German layout, which numbers pages by a script.
LABELS = """
    Code Quantity Unit Price Taxes 1.00 Untaxed Payment Communication this account
    QR with application
    Type Goods TVA
    PST
    No Page HRB Nr IBAN
""".split()


def find_state(code, values):
    """Return the state of a party in a country, if it has one."""
    own = [("country_id.code", "=", code), ("code", "=", values.get("state"))]
    return env["res.country.state"].search(own)


def write_what_is_there(record, values):
    """Write what the addons that are installed have a field for."""
    record.write(
        {name: value for name, value in values.items() if name in record._fields}
    )


def equip(here, company):
    """Have the company know what it prints, as after its first settings."""
    seller = SELLERS[company.country_id.code]
    company = company.with_env(here)
    own = {"phone": "+1 555 0100", "email": "billing@omni.example.com"}
    write_what_is_there(company, seller | own)
    company.report_header = "<p>Internet since 1999</p>"
    house = here["res.bank"].create({"name": "Bank of the Port", "bic": "GEBABEBB"})
    bank = here["res.partner.bank"].create(
        {
            "acc_number": seller["account"],
            "partner_id": company.partner_id.id,
            "bank_id": house.id,
        }
    )
    write_what_is_there(bank, seller | {"allow_out_payment": True})
    journals = here["account.journal"].search(
        [("type", "=", "bank"), ("company_id", "=", company.id)]
    )
    journals[:1].bank_account_id = bank
    # What Odoo proposes there, as SIRET in France, is what staff confirm.
    layout = here["base.document.layout"].create({"company_id": company.id})
    names = ("report_footer", "company_details")
    company.write(layout.default_get(names))
    company.qr_code = True


def bill_with_all(here, company, lang):
    """Return an invoice on which everything is that Odoo's report knows."""
    code = company.country_id.code
    buyer = BUYERS[code]
    customer = here["res.partner"].create(
        {
            "name": buyer["name"],
            "street": "1 Market Square",
            "zip": "1000",
            "lang": lang,
            "ref": "C-4711",
            "is_company": True,
            "state_id": find_state(code, buyer).id,
            "country_id": company.country_id.id,
            "company_id": company.id,
        }
    )
    write_what_is_there(customer, buyer)
    term = here["account.payment.term"].create(
        {
            "name": "Half and half",
            "note": "<p>Late payment costs 40</p>",
            "display_on_invoice": True,
            "line_ids": [
                Command.create({"value_amount": 50, "nb_days": days})
                for days in (14, 44)
            ],
        }
    )
    customer.property_payment_term_id = term
    position = here["account.fiscal.position"]._get_fiscal_position(customer)
    position.note = "<p>Taxed where it is used</p>"
    taxes = position.map_tax(company.account_sale_tax_id)
    taxes.invoice_legal_notes = "<p>Article 7 of the tax act</p>"
    for name, cost in (("Fibre 500", 1045), ("Mobile plan", 33.5)):
        here["omni.billing.transaction"].create(
            {
                "name": name,
                "partner_id": customer.id,
                "retail_cost": cost,
                "tax_ids": [Command.set(taxes.ids)],
                "customer_reference": "PO-2025-77",
            }
        )
    wizard = here["omni.billing.proforma.wizard"].create({"partner_id": customer.id})
    invoice = here["account.move"].browse(wizard.action_generate()["res_id"])
    more = {
        "delivery_date": fields.Date.context_today(invoice) - timedelta(days=2),
        "invoice_origin": "S00042",
        "invoice_incoterm_id": here.ref("account.incoterm_DAP").id,
        "incoterm_location": "Antwerp",
        "narration": "<p>Thank you for your business</p>",
    }
    # As addons of sales and deliveries do, before the invoice has a number.
    trust(invoice).write(more)
    here.flush_all()
    here.invalidate_all()
    return invoice


def draw_code(reports, barcode_type, value, **options):
    """Draw a code, where what Odoo draws it with is not installed."""
    stream = io.BytesIO()
    image = qrcode.make(value, border=0).get_image().convert("RGB")
    if options.get("mask") == "ch_cross":
        side = round(image.width * 0.1522)
        cross = Image.open(file_path("l10n_ch/static/src/img/CH-Cross_7mm.png"))
        corner = (image.width - side) // 2
        image.paste(cross.convert("RGB").resize((side, side)), (corner, corner))
    image.save(stream, "PNG")
    return stream.getvalue()


def read_words(page):
    """Return the words of a page, in the order in which it has them."""
    body = html.fromstring(page).find(".//body")
    for hidden in body.xpath("//style|//script|//head"):
        hidden.drop_tree()
    text = " ".join(body.itertext()).replace("\N{NO-BREAK SPACE}", " ")
    text = text.replace("\N{ZERO WIDTH NO-BREAK SPACE}", "")
    return [word for raw in text.split() if (word := raw.strip("()|.,:;%"))]


def check_page(here, company, invoice):
    """See that each word of Odoo's page is on ours."""
    reports = here["ir.actions.report"]
    with patch.object(type(reports), "barcode", draw_code):
        theirs, _kind = reports._render_qweb_html("account.report_invoice", invoice.ids)
    # As the store makes it.
    parts = {"allowed_company_ids": company.ids, "lang": invoice.partner_id.lang}
    document = invoice.sudo().with_context(**parts)._billing_prepare_document()
    ours = set(read_words(document.source))
    missing = [
        word
        for word in dict.fromkeys(read_words(theirs.decode()))
        if word not in ours and word not in LABELS
    ]
    if missing:
        raise AssertionError(f"Odoo prints and we do not: {' '.join(missing)}")


def draw(here, invoice, folder):
    """Write Odoo's page as HTML and ours as PDF, for people who look at them."""
    name = f"{invoice.company_id.country_id.code}-{invoice.partner_id.lang[:2]}".lower()
    Path(folder, f"{name}.pdf").write_bytes(invoice._billing_get_pdf())
    reports = here["ir.actions.report"]
    with patch.object(type(reports), "barcode", draw_code):
        page, _kind = reports._render_qweb_html("account.report_invoice", invoice.ids)
    # Styles and images are fetched from there.
    base = f'<head><base href="{arguments["url"]}/"/>'
    Path(folder, f"{name}.html").write_text(page.decode().replace("<head>", base, 1))


def compare(here, company, folder=None):
    """Compare both pages of an invoice, or write them into a folder."""
    equip(here, company)
    french = ["fr_FR"] if folder and company.country_id.code in FRENCH else []
    for lang in ["en_US", *french]:
        invoice = bill_with_all(here, company, lang)
        env.cr.commit()
        if folder:
            draw(here, invoice, folder)
        else:
            check_page(here, company, invoice)


for code in arguments["countries"]:
    try:
        seller = SELLERS[code]
        company = companies.found(
            env,
            code,
            name=f"Harbour {code}",
            state_id=find_state(code, seller).id,
            **{name: seller.get(name) for name in ("street", "zip", "city")},
        )
        compare(companies.enter(company), company, arguments.get("folder"))
        env.cr.commit()
    except Exception:
        env.cr.rollback()
        print(f"{code}: {traceback.format_exc()}")
