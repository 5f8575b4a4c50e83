from freezegun import freeze_time

from odoo.fields import Command

from odoo.addons.omni_billing.tests.common import BillingCommon


class PackCommon(BillingCommon):
    """A company that sells ten sessions at once, for less than ten times one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Pack = cls.env["omni.billing.pack"]
        cls.Use = cls.env["omni.billing.pack.use"]
        # sudo: accounts and settings are an accountant's.
        cls.company.sudo().write(
            {
                "billing_pack_usable": "payment",
                "tax_calculation_rounding_method": "round_per_line",
            }
        )
        # Odoo books a tax without an account where its base is.
        owed = cls.company_data["default_account_tax_sale"]
        cls.tax_10.repartition_line_ids.sudo().filtered(
            lambda line: line.repartition_type == "tax"
        ).account_id = owed
        cls.deferred = cls._add_account("Prepaid Packs", "liability_current")
        cls.single = cls._add_product("Session", 12)
        cls.ten = cls._add_pack("Ten Sessions", 100, 10)

    @classmethod
    def _add_account(cls, name, kind):
        account = cls.env["account.account"].sudo()
        return account.create(
            {
                "name": name,
                "code": account._search_new_account_code("240000"),
                "account_type": kind,
                "company_ids": [Command.set(cls.company.ids)],
            }
        )

    @classmethod
    def _add_product(cls, name, price, **values):
        return cls.env["product.product"].create(
            {
                "name": name,
                "list_price": price,
                "type": "service",
                "taxes_id": [Command.set(cls.tax_10.ids)],
                **values,
            }
        )

    @classmethod
    def _add_pack(cls, name, price, units, **values):
        return cls._add_product(
            name,
            price,
            billing_is_pack=True,
            billing_pack_units=units,
            billing_pack_product_id=cls.single.id,
            billing_pack_account_id=cls.deferred.id,
            **values,
        )

    @classmethod
    def _sell(cls, product=None, paid=True, **values):
        """Sell a pack to the customer, and return it."""
        product = product or cls.ten
        charge = cls.env["omni.billing.transaction"].create(
            {"partner_id": cls.customer.id, "product_id": product.id} | values
        )
        invoice = cls._bill(charge)
        if paid:
            cls._pay(invoice)
        return cls.Pack.search([("transaction_id", "=", charge.id)], order="id")[-1:]

    @classmethod
    def _bill(cls, transactions):
        partner = transactions[:1]._get_billed_contact().commercial_partner_id
        return transactions._create_invoice(partner)

    @classmethod
    def _pay(cls, invoice):
        wizard = cls.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        wizard.create({})._create_payments()

    @classmethod
    def _use(cls, units=1.0, **values):
        return cls.Pack.use(cls.customer.id, cls.single.id, units, **values)

    def _worth(self, pack):
        """Return what a pack is worth now: the books tell it."""
        self.env.flush_all()
        pack.invalidate_recordset(["value_left"])
        return pack.value_left

    def _run_job(self, day):
        """Run the job on a day."""
        with freeze_time(f"{day} 12:00:00"):
            # sudo: as the scheduler.
            self.Use.sudo()._cron_book()

    def _read_deferred(self, partner=None):
        """Return the balance of deferred revenue, as a liability is read."""
        self.env.flush_all()
        domain = [
            ("account_id", "=", self.deferred.id),
            ("parent_state", "=", "posted"),
        ]
        if partner:
            domain.append(("partner_id", "=", partner.id))
        lines = self.env["account.move.line"].sudo().search(domain)
        return self.currency.round(-sum(lines.mapped("balance")))

    def _read_income(self):
        """Return what was booked as income of packs."""
        packs = self._find_packs().sudo()
        entries = packs.use_ids.move_id
        lines = entries.line_ids.filtered(
            lambda line: line.account_id.internal_group == "income"
        )
        return self.currency.round(-sum(lines.mapped("balance")))

    def _check_books(self):
        """Deferred revenue is what packs are worth, and what is not booked yet."""
        packs = self._find_packs()
        uses = packs.use_ids
        waiting = uses.filtered(lambda use: not use.is_booked and use.kind != "refund")
        refunds = uses.filtered(
            lambda use: use.kind == "refund" and use.transaction_id.state == "unbilled"
        )
        worth = sum(packs._read_values_left().values())
        worth += sum((waiting + refunds).mapped("amount"))
        self.assertAlmostEqual(self._read_deferred(), worth, 2)

    def _find_packs(self):
        """Return the packs of the test: others may be there for good."""
        self.env.invalidate_all()
        return self.Pack.search([("account_id", "=", self.deferred.id)])
