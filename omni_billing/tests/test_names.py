"""What we add to models of Odoo's is named so that nobody else takes the name."""

import inspect
import re
from pathlib import Path

from odoo import fields
from odoo.modules.migration import load_script
from odoo.tests import TransactionCase, tagged
from odoo.tools.sql import column_exists, rename_column

from .common import BillingCommon

MODULES = "odoo.addons.omni"
#: Ours, or Odoo's own prefix before it.
OURS = re.compile(
    r"(action_|_(check|compute|cron|default|inverse|job|onchange|search|unlink_except)_"
    r"|_)?billing(_|$)"
)
#: Hooks that had another name before; see `tools/renamed.py`.
RENAMED = {
    "_get_pdf_renderer": "_billing_get_pdf_renderer",
    "_prepare_mailjet_variables": "_billing_prepare_mailjet_variables",
    "_prepare_pdf_context": "_billing_prepare_pdf_context",
    "_prepare_template_variables": "_billing_prepare_template_variables",
}
SCRIPTS = Path(__file__).resolve().parents[1] / "migrations"


@tagged("post_install", "-at_install")
class TestNames(TransactionCase):
    def test_what_we_add_says_whose_it_is(self):
        wrong = {
            f"{model}.{name} of {part.__module__}"
            for model, cls in self.env.registry.items()
            if not cls._original_module.startswith("omni")
            for part, name in self._find_added(cls)
            if not OURS.match(name)
        }
        self.assertEqual(wrong, set())

    def test_rule_finds_what_we_add(self):
        added = {
            name for _part, name in self._find_added(self.env.registry["account.move"])
        }
        self.assertGreater(
            added, {"billing_state", "_billing_lock", "_compute_billing_state"}
        )

    def _find_added(self, cls):
        """Give each field and method of ours that nobody else has, and where it is."""
        # The classes that Odoo makes of all of them have each field once more.
        parts = [part for part in cls.mro() if not getattr(part, "pool", None)]
        ours = [part for part in parts if part.__module__.startswith(MODULES)]
        others = set().union(*(vars(part) for part in parts if part not in ours))
        for part in ours:
            for name, value in vars(part).items():
                is_kind = isinstance(value, fields.Field) or inspect.isroutine(value)
                if is_kind and name not in others and name not in RENAMED:
                    yield part, name


@tagged("post_install", "-at_install")
class TestFormerNames(BillingCommon):
    def test_override_of_former_name_has_its_say(self):
        invoice = self._bill(self._create_transaction())
        Move = self.env.registry["account.move"]
        for former, present in RENAMED.items():
            if not hasattr(Move, former):
                continue
            default = getattr(Move, former)
            self.patch(Move, former, lambda move, do=default: do(move) | {"mine": 1})
            values = getattr(invoice, present)()
            self.assertEqual(values["mine"], 1, former)
            self.assertGreater(len(values), 5, former)

    def test_overrides_of_both_names_have_their_say(self):
        invoice = self._bill(self._create_transaction())
        Move = self.env.registry["account.move"]
        old, new = Move._prepare_pdf_context, Move._billing_prepare_pdf_context
        self.patch(Move, "_prepare_pdf_context", lambda move: old(move) | {"a": 1})
        self.patch(
            Move, "_billing_prepare_pdf_context", lambda move: new(move) | {"b": 2}
        )
        values = invoice._billing_prepare_pdf_context()
        self.assertEqual((values["a"], values["b"]), (1, 2))
        self.assertIn("lines", values)

    def test_engine_of_former_name_is_used(self):
        Report = self.env.registry["ir.actions.report"]
        self.patch(Report, "_get_pdf_renderer", lambda report: "mine")
        report = self.env["ir.actions.report"]
        self.assertEqual(report._billing_get_pdf_renderer(), "mine")

    def test_upgrade_keeps_engines(self):
        cr = self.env.cr
        report = self.env.ref("account.account_invoices")
        report.billing_pdf_engine = "weasyprint"
        self.env.flush_all()
        rename_column(cr, "ir_act_report_xml", "billing_pdf_engine", "pdf_engine")
        script = load_script(str(SCRIPTS / "19.0.1.3.0" / "pre-names.py"), "names")
        for _again in range(2):
            script.migrate(cr, "19.0.1.2.0")
        self.assertFalse(column_exists(cr, "ir_act_report_xml", "pdf_engine"))
        self.env.invalidate_all()
        self.assertEqual(report.billing_pdf_engine, "weasyprint")

    def test_upgrade_retires_credit_types_that_name_money(self):
        """F13: credits keep theirs, and no new one takes it."""
        kind = self.env["omni.billing.credit.type"].create({"name": "Cash payment"})
        self.env["ir.model.data"].create(
            {
                "module": "omni_billing",
                "name": "credit_type_cash",
                "model": kind._name,
                "res_id": kind.id,
            }
        )
        path = SCRIPTS / "19.0.1.4.0" / "post-credit-types.py"
        script = load_script(str(path), "credit_types")
        for _again in range(2):
            script.migrate(self.env.cr, "19.0.1.3.0")
        self.assertFalse(kind.active)
