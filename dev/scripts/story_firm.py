"""The firm of the story is founded: company, taxes, products, people, and Stripe.

For a script in ``odoo shell``; nothing is committed here.
"""

from __future__ import annotations

import base64
import io

from odoo.fields import Command

from dev.scripts.story_people import CUSTOMERS, FIRM, PRODUCTS, Customer
from strict_stripe import PUBLISHABLE_KEY, SECRET_KEY, WEBHOOK_SECRET

#: What is chosen in the settings for Stripe's balance: name, code and type.
ACCOUNTS = {
    "clearing": ("Stripe balance", "101950", "asset_current"),
    "billing_dispute_account_id": ("Disputed payments", "101952", "asset_current"),
    "billing_fee_account_id": ("Stripe fees", "620950", "expense"),
    "losses": ("Losses on disputes", "620952", "expense"),
}
#: Cards of Stripe's tests, in turns.
CARDS = ("pm_card_visa", "pm_card_mastercard", "pm_card_visa", "pm_card_amex")
GREEN, SAND = "#165c54", "#f0b25c"


class Firm:
    """The company of the database, as its staff know it.

    ``staff`` and ``manager`` are environments of its people, ``root`` of its jobs.
    """

    def __init__(self, env: object) -> None:
        self.root = env
        self.company = env.company
        self.taxes: dict[bool, object] = {}
        self.products: dict[str, object] = {}
        self.partners: dict[str, object] = {}
        self.accounts: dict[str, object] = {}
        self.provider = env.ref("payment.payment_provider_stripe")

    def found(self) -> None:
        """Have all that is there before the first customer comes."""
        self._describe_company()
        self._add_taxes()
        self._add_products()
        self._add_users()
        self._set_up_stripe()

    def _describe_company(self) -> None:
        state = self.root["res.country.state"].search(
            [("code", "=", "ME"), ("country_id.code", "=", "US")]
        )
        values = {
            **FIRM,
            "state_id": state.id,
            "logo": base64.b64encode(draw_logo()),
            "primary_color": GREEN,
            "secondary_color": SAND,
            "billing_late_fee_grace": 10,
            "billing_late_fee_percent": 1.5,
        }
        self.company.write(values)
        told = {
            "en_US": "Pay by card in your customer area, or by bank transfer.",
            "fr_FR": "Payez par carte dans votre espace client, ou par virement.",
        }
        for lang, text in told.items():
            company = self.company.with_context(lang=lang)
            company.billing_payment_instructions = text
        # Its customers are told when they are late, not before.
        self.root.ref("omni_billing.reminder_level_soon").active = False

    def _add_taxes(self) -> None:
        given = self.company.account_sale_tax_id
        for is_equipment, name, rate in (
            (False, "Service provider tax", 6.0),
            (True, "Sales tax", 5.5),
        ):
            # The page and the dialog name the group, and that of the chart is of 15 %.
            group = self.root["account.tax.group"].create(
                {"name": name, "company_id": self.company.id}
            )
            values = {
                "name": f"{name} {rate:g}%",
                "amount": rate,
                "tax_group_id": group.id,
                "invoice_label": f"{name} {rate:g}%",
                "description": False,
            }
            self.taxes[is_equipment] = given.copy(values)
        self.company.account_sale_tax_id = self.taxes[False]
        given.active = False

    def _add_products(self) -> None:
        for code, product in PRODUCTS.items():
            values = {
                "name": product.english,
                "type": "consu" if product.is_equipment else "service",
                "default_code": code.upper(),
                "list_price": product.price,
                "taxes_id": [Command.set(self.taxes[product.is_equipment].ids)],
            }
            if product.months:
                timing = "arrears" if product.is_arrears else "advance"
                values |= {
                    "billing_recurring_price": product.price,
                    "billing_unit": "month",
                    "billing_interval": product.months,
                    "billing_timing": timing,
                }
            found = self.products[code] = self.root["product.product"].create(values)
            found.with_context(lang="fr_FR").name = product.french

    def _add_users(self) -> None:
        """Have the logins that the console names, each with its name as password."""
        self.partners["Acme Rentals"] = self._add_partner(CUSTOMERS[0])
        people = {
            "staff": ("Sam Staff", "omni_billing.omni_billing_group_user"),
            "manager": ("Maud Manager", "omni_billing.omni_billing_group_manager"),
        }
        users = self.root["res.users"].with_context(no_reset_password=True)
        common = {"company_id": self.company.id, "company_ids": self.company.ids}
        for login, (name, group) in people.items():
            values = {
                **common,
                **{"name": name, "login": login, "password": login},
                "email": f"{login}@harbour-pine.example.com",
                "group_ids": [Command.link(self.root.ref(group).id)],
            }
            if login == "manager":
                accountant = self.root.ref("account.group_account_user")
                values["group_ids"].append(Command.link(accountant.id))
            setattr(self, login, self.root(user=users.create(values).id, su=False))
        users.create(
            {
                **common,
                **{"login": "customer", "password": "customer"},
                "partner_id": self.partners["Acme Rentals"].id,
                "group_ids": [Command.set(self.root.ref("base.group_portal").ids)],
            }
        )

    def _set_up_stripe(self) -> None:
        keys = {
            "stripe_publishable_key": PUBLISHABLE_KEY,
            "stripe_secret_key": SECRET_KEY,
            "stripe_webhook_secret": WEBHOOK_SECRET,
        }
        provider = self.provider
        provider.write(
            {**keys, "allow_tokenization": True, "state": "test", "is_published": True}
        )
        self.root.ref("payment.payment_method_card").active = True
        self.accounts = {
            key: self.root["account.account"].create(
                {
                    "name": name,
                    "code": code,
                    "account_type": kind,
                    "reconcile": kind == "asset_current",
                }
            )
            for key, (name, code, kind) in ACCOUNTS.items()
        }
        provider._billing_ensure_method_line()
        lines = provider.journal_id.inbound_payment_method_line_ids
        line = lines.filtered(lambda line: line.payment_provider_id == provider)
        line.payment_account_id = self.accounts["clearing"]
        self.company.write(
            {
                name: account.id
                for name, account in self.accounts.items()
                if name.startswith("billing_")
            }
        )

    # === CUSTOMERS === #

    def _add_partner(self, customer: Customer) -> object:
        is_known = customer.name != "Ironwood Joinery"
        return self.root["res.partner"].create(
            {
                "name": customer.name,
                "is_company": not customer.is_person,
                "street": customer.street,
                "city": customer.city,
                "zip": customer.zip,
                "state_id": self.company.state_id.id,
                "country_id": self.company.country_id.id,
                # One has no address: what a run cannot send is left to staff.
                "email": is_known and customer.email,
                "lang": "fr_FR" if customer.is_french else "en_US",
                "company_id": self.company.id,
            }
        )

    def welcome(self, customer: Customer, day: object) -> None:
        """Have a customer with its services."""
        partner = self.partners.get(customer.name) or self._add_partner(customer)
        self.partners[customer.name] = partner
        staff = self.staff["omni.billing.service"]
        for number, (code, count) in enumerate(customer.uses):
            product = PRODUCTS[code]
            values = {
                "name": product.name(customer.is_french),
                "partner_id": partner.id,
                "product_id": self.products[code].id,
                "quantity": count,
                "date_start": day,
                "anchor_day": 1,
            }
            if not number:
                values["setup_price"] = PRODUCTS["install"].price
            staff.create(values)

    def give_card(self, customer: Customer) -> object:
        """Have the card that a customer pays by."""
        name = CARDS[CUSTOMERS.index(customer) % len(CARDS)]
        return self.save_card(self.partners[customer.name], name)

    def save_card(self, partner: object, name: str) -> object:
        """Have a card at Stripe, as if the customer had saved it in the portal."""
        gateway = self.provider._billing_get_gateway()
        key = f"story-{partner.id}-{name}"
        owner = gateway.create_customer(partner.name, partner.email or "", {}, key)
        card = gateway.attach_card(name, owner)
        token = self.root["payment.token"].create(
            {
                "provider_id": self.provider.id,
                "payment_method_id": self.root.ref("payment.payment_method_card").id,
                "partner_id": partner.id,
                "provider_ref": owner,
                "payment_details": card.last4,
                "stripe_payment_method": card.id,
                "billing_brand": card.brand,
                "billing_last4": card.last4,
                "billing_exp_month": card.exp_month,
                "billing_exp_year": card.exp_year,
                "billing_fingerprint": card.fingerprint,
            }
        )
        token._billing_agree("portal")
        return token


def draw_logo() -> bytes:
    """Return the firm's sign as PNG: a tree above a wave."""
    from PIL import Image, ImageDraw, ImageFont

    scale = 4
    image = Image.new("RGBA", (300 * scale, 72 * scale), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    box = 64 * scale
    draw.rounded_rectangle((0, 4 * scale, box, 4 * scale + box), 14 * scale, GREEN)
    for top, width in ((12, 14), (22, 20), (33, 26)):
        middle, left = 32, 32 - width / 2
        points = [(middle, top), (left, top + 15), (left + width, top + 15)]
        draw.polygon([(x * scale, y * scale) for x, y in points], "white")
    draw.rounded_rectangle(
        (10 * scale, 54 * scale, 54 * scale, 58 * scale), 2 * scale, SAND
    )
    font = ImageFont.load_default(26 * scale)
    draw.text((76 * scale, 8 * scale), "Harbour Pine", GREEN, font)
    small = ImageFont.load_default(15 * scale)
    draw.text((77 * scale, 44 * scale), "TELECOM", GREEN, small)
    image = image.resize((600, 144), Image.LANCZOS)
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()
