from datetime import datetime, time, timedelta

from freezegun import freeze_time

from odoo.addons.omni_billing.tests.common import BillingCommon

IBANS = [
    *("FR7630006000011234567890189", "DE89370400440532013000"),
    *("BE68539007547034", "NL91ABNA0417164300", "ES9121000418450200051332"),
]


class SepaCommon(BillingCommon):
    """A company in euros that collects by SEPA, and a customer with a mandate."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        euro = cls.env.ref("base.EUR").sudo()  # sudo: as below
        euro.active = True
        # sudo: settings are an administrator's, and journals an accountant's.
        company = cls.company.sudo()
        company.currency_id = euro
        cls.currency = euro.with_env(cls.env)
        journal = cls.company_data["default_journal_bank"].sudo()  # sudo: as above
        bank = cls.env["res.bank"].sudo().create({"name": "Bank", "bic": "AGRIFRPP"})
        journal.bank_account_id = (
            cls.env["res.partner.bank"]
            .sudo()  # sudo: as above
            .create(
                {
                    "acc_number": "FR1420041010050500013M02606",
                    "partner_id": company.partner_id.id,
                    "bank_id": bank.id,
                    "company_id": company.id,
                }
            )
        )
        company.sepa_creditor_identifier = "FR78ZZZ424242"
        company.billing_sepa_line_id = (
            cls.env["account.payment.method.line"]
            .sudo()  # sudo: as above
            .create(
                {
                    "name": "SEPA",
                    "payment_method_id": cls.quick_ref(
                        "account_payment_sepa_direct_debit.sepa_direct_debit"
                    ).id,
                    "journal_id": journal.id,
                    "company_id": company.id,
                    "selectable": True,
                }
            )
        )
        cls.Order = cls.env["account.payment.order"]
        cls.File = cls.env["omni.billing.sepa.file"]
        cls.customer.email = "ada@example.com"
        cls.mandate = cls._sign(cls.customer)

    @classmethod
    def _sign(cls, customer, number=0, **values):
        """Have a customer sign a mandate."""
        account = cls.env["res.partner.bank"].create(
            {"acc_number": IBANS[number], "partner_id": customer.id}
        )
        return cls.env["account.banking.mandate"].create(
            {
                "partner_id": customer.id,
                "partner_bank_id": account.id,
                "company_id": cls.company.id,
                "format": "sepa_core",
                "signature_date": cls.today - timedelta(days=100),
                "state": "valid",
                **values,
            }
        )

    def _owe(self, *amounts, customer=None):
        """Bill each amount on an invoice of its own."""
        customer = customer or self.customer
        invoices = self.env["account.move"]
        for amount in amounts:
            charge = self._create_transaction(amount, partner_id=customer.id)
            invoices += self._bill(charge, partner_id=customer.id)
        return invoices

    def _collect(self, invoices):
        """Put invoices into a debit order."""
        invoices.action_billing_collect_sepa()
        return self._find_orders(invoices.with_env(self.env))[-1:]

    def _find_orders(self, invoices):
        return invoices.line_ids.payment_line_ids.order_id.sorted("id")

    def _bring(self, order):
        """Confirm an order, and bring its file to the bank."""
        order.draft2open()
        order.open2generated()
        order.generated2uploaded()
        return order.payment_ids.sorted("id")

    def _book(self):
        """Run the job."""
        # sudo: as the scheduler.
        self.env["account.payment"].sudo()._cron_billing_book_sepa()

    def _import(self, content, name="bank.xml"):
        return self.File._take(self.company, name, content)

    def _say(self, payments, code="AM04"):
        """Return what the bank would say of payments that came back."""
        return [
            (one.memo, f"{one.amount:.2f}", one.currency_id.name, code)
            for one in payments
        ]

    def _at(self, day):
        """Be at noon of a day."""
        return freeze_time(datetime.combine(day, time(12)), tick=True)
