from datetime import timedelta

from lxml import etree

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .mail_common import MailCommon
from .test_omni_billing_run import RunCommon

FEW, MANY = 5, 25
#: Of these a company has a handful: settings, a row for each tax or month.
SHORT = {
    "omni.billing.deferral",
    "omni.billing.tax",
    # Odoo's own rows, which our view shows as they are.
    "account.analytic.line",
    "omni.billing.closing.reason",
    "omni.billing.credit.type",
    "omni.billing.first.step",
    "omni.billing.price.rise",
    "omni.billing.reminder.level",
    "omni.billing.template",
    "omni.billing.watch",
    "omni.billing.webhook",
}


@tagged("post_install", "-at_install")
class TestLists(RunCommon, MailCommon):
    """W45: a page of many rows takes no statement more than one of a few."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        numbers = range(MANY)
        cls.many = cls.env["res.partner"].create(
            [{"name": f"Listed {n}", "email": f"l{n}@example.com"} for n in numbers]
        )
        charges = cls._charge_all(customers=cls.many)
        cls.moves = charges._create_invoices(
            [(one, one.partner_id, {}) for one in charges]
        )
        cls.moves._billing_queue_mail("invoice")
        # sudo: only the server writes what follows.
        cls.money = cls.env(su=True)
        cls._add_runs()
        cls._add_plans()
        cls._add_consents()
        cls._add_what_stripe_tells()
        cls._add_what_programs_are_told()

    @classmethod
    def _add_runs(cls):
        runs = cls.money["omni.billing.run"].create([{} for _one in cls.many])
        cls._charge_all(customers=cls.many)
        runs[0].partner_ids = cls.many
        runs[0].action_start()
        runs[0]._prepare_lines()
        for line, move in zip(runs[0].line_ids, cls.moves, strict=True):
            line.write({"invoice_id": move.id, "charge_state": "failed"})
        cls.money["omni.billing.run.schedule"].create(
            [{"name": one.name, "date_first": cls.today} for one in cls.many]
        )

    @classmethod
    def _add_plans(cls):
        later = cls.today + timedelta(days=9)
        for move in cls.moves:
            cls.money["omni.billing.pdf.cache"].create({"move_id": move.id})
            cls.env["omni.billing.installment"]._plan(move, [(later, 20)], None)
            cls._get_a_cheque(move)
        values = {"name": "Fibre", "price_unit": 31, "unit": "month"}
        cls.env["omni.billing.service"].create(
            [
                values
                | {"partner_id": one.id, "date_start": cls.today}
                | {"suspended_from": cls.today, "date_end": later}
                for one in cls.many
            ]
        )
        coupon = {"name": "Spring", "value": 10}
        cls.env["omni.billing.coupon"].create(
            [coupon | {"code": f"SPRING{one.id}"} for one in cls.many]
        )

    @classmethod
    def _add_consents(cls):
        card = cls._get_a_card()
        for partner in cls.many:
            card.sudo().copy({"partner_id": partner.id})._billing_agree("paper")

    @classmethod
    def _add_what_programs_are_told(cls):
        webhook = cls.money["omni.billing.webhook"].create(
            {"name": "Program", "url": "https://program.example.com/"}
        )
        for _one in cls.many:
            cls.money["omni.billing.webhook.delivery"]._create_test(webhook)

    @classmethod
    def _add_what_stripe_tells(cls):
        dispute = cls._get_a_dispute()
        common = {"provider_id": dispute.provider_id.id}
        for number in range(MANY):
            told = common | {"reference": f"ref_{number}", "company_id": cls.company.id}
            cls.money["omni.billing.dispute"].create(
                told | {"transaction_id": dispute.transaction_id.id, "state": "lost"}
            )
            cls.money["omni.billing.payout"].create(told)
            event = {"event_ref": f"evt_{number}", "event_type": "charge.refunded"}
            cls.money["omni.billing.stripe.event"].create(common | event)

    def _list_actions(self):
        """Return what the menus of Billing open as a list."""
        root = self.env.ref("omni_billing.omni_billing_menu_root")
        menus = self.env["ir.ui.menu"].search([("id", "child_of", root.id)])
        return [
            action
            for action in menus.mapped("action")
            if action
            and action._name == "ir.actions.act_window"
            and "list" in action.view_mode
        ]

    def _read(self, action, limit):
        """Read a page as the web client does; tell its rows and its statements.

        They are counted the second time, when what is kept for all pages is known.
        """
        Model = self.env[action.res_model].with_context(**safe_eval(action.context))
        views = {kind: view for view, kind in action.views}
        view = Model.get_views([(views.get("list"), "list")])
        arch = etree.fromstring(view["views"]["list"]["arch"])
        known = view["models"][Model._name]["fields"]
        names = {field.get("name") for field in arch.iter("field")}
        wanted = {
            name: {"fields": {"display_name": {}}} if "relation" in known[name] else {}
            for name in names & set(known)
        }
        for _time in range(2):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            found = Model.web_search_read(
                safe_eval(action.domain or "[]"), wanted, limit=limit
            )
            count = self.env.cr.sql_log_count - before
        return len(found["records"]), count

    def test_lists(self):
        short = set()
        for action in self._list_actions():
            with self.subTest(action.name):
                _rows, few = self._read(action, FEW)
                rows, many = self._read(action, MANY)
                if rows < MANY:
                    short.add(action.res_model)
                else:
                    self.assertLessEqual(many, few)
        self.assertEqual(short, SHORT)
