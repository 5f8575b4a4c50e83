from freezegun import freeze_time

from odoo.fields import Command

from odoo.addons.omni_billing.tests.card_common import CardCommon


class WalletCommon(CardCommon):
    """A company that takes money in advance, and a customer who pays some."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Wallet = cls.env["omni.billing.wallet"]
        cls.advances = cls._add_account("Customer Advances", "liability_current")
        # sudo: settings are an accountant's.
        cls.company.sudo().billing_wallet_account_id = cls.advances
        cls.wallet = cls.Wallet._open_for(cls.customer)

    @classmethod
    def _add_account(cls, name, kind, company=None):
        account = cls.env["account.account"].sudo()
        company = company or cls.company
        return account.create(
            {
                "name": name,
                "code": account.with_company(company)._search_new_account_code(
                    "241000"
                ),
                "account_type": kind,
                "reconcile": kind == "liability_current",
                "company_ids": [Command.set(company.ids)],
            }
        )

    @classmethod
    def _top_up(cls, amount, paid=True, wallet=None, origin="staff"):
        """Top up, pay it, and return the invoice of it."""
        move = (wallet or cls.wallet)._top_up(amount, origin)
        if paid:
            move._billing_pay("cash", paid if paid is not True else None)
        return move

    def _read_left(self, wallet=None):
        """Return what can be used, from the database."""
        self.env.flush_all()
        self.env.invalidate_all()
        return (wallet or self.wallet).balance

    def _let_expire(self):
        """Have prepaid money end after 30 days, as income; return its account."""
        income = self._add_account("Expired", "income_other")
        self.company.sudo().write(
            {
                "billing_wallet_days": 30,
                "billing_wallet_income_account_id": income.id,
            }
        )
        return income

    def _read_advances(self):
        """Return what the account of customer advances says is owed."""
        self.env.flush_all()
        lines = self.env["account.move.line"].sudo()
        lines = lines.search(
            [("account_id", "=", self.advances.id), ("parent_state", "=", "posted")]
        )
        return self.currency.round(-sum(lines.mapped("balance")))

    def _check_books(self):
        """The ledger is what the books say, and advances are what is left."""
        self.assertEqual(self._get_books_balance(), self._get_ledger_balance())

    def _run_job(self, day=None):
        """Let the job work, on a day."""
        # sudo: as the scheduler.
        job = self.Wallet.sudo()._cron_work
        if not day:
            return job()
        with freeze_time(f"{day} 12:00:00"):
            return job()

    def _charge_planned(self):
        # sudo: as the job.
        self.env["omni.billing.installment"].sudo()._cron_charge()
