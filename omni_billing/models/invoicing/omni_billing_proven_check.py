"""Which code makes invoices, and whether a company has proved fast billing with it."""

import hashlib
import inspect
from pathlib import Path
from types import FunctionType

from odoo import api, models, release
from odoo.tools import SQL

from ...tools.write_guard import trust

#: Models whose code and fields say what the rows of an invoice are.
MODELS = (
    "account.account",
    "account.journal",
    "account.move",
    "account.move.line",
    "account.payment.term",
    "account.payment.term.line",
    "account.tax",
    "account.tax.repartition.line",
    "omni.billing.transaction",
    "res.company",
    "res.currency",
    "res.partner",
)
#: Models whose rows are written.
WRITTEN = ("account.move", "account.move.line", "omni.billing.transaction")
#: Addons whose part in making an invoice is known: tests compare both ways with them.
KNOWN = {
    *("account", "account_add_gln", "account_edi_ubl_cii", "account_payment"),
    *("account_peppol", "account_qr_code_sepa", "analytic", "auth_signup", "base"),
    *(
        "base_import",
        "base_sparse_field",
        "base_vat",
        "bus",
        "html_editor",
        "iap",
        "mail",
        "omni_billing",
    ),
    *("omni_billing_facturx", "omni_billing_peppol", "omni_billing_queue_job"),
    *("omni_billing_usage", "omni_billing_wallet"),
    *("partner_autocomplete", "payment", "payment_stripe", "phone_validation"),
    *("l10n_ca", "l10n_fr", "l10n_fr_account"),
    *("portal", "privacy_lookup", "product", "queue_job", "resource", "sms"),
    *("snailmail", "snailmail_account", "spreadsheet", "spreadsheet_account"),
    *("uom", "web"),
}
#: Names of a class that say what it is, and not what it does.
LABELS = {
    *("__doc__", "__firstlineno__", "__module__", "__qualname__", "__slots__"),
    *("__static_attributes__", "_description", "_field_definitions", "_inherit"),
    *("_module", "_name", "_original_module", "_register"),
    *("_table_object_definitions", "pool"),
}
#: What nobody calls to make an invoice, on a model whose rows it does not write.
UNUSED = {"copy_data", "create", "unlink", "write"}
#: What is shown, and never kept.
SHOWN = {
    *("_compute_company_registry_placeholder", "_compute_show_delivery_date"),
    "_get_view",
}
#: In which context key a trial is.
TRIAL = "omni_billing_trial"
#: Where a registry keeps what was found in its code, and of which state of it.
FOUND = "_omni_billing_proven"


class Trial:
    """Which way invoices are made in a trial: no client can send this in a context."""

    def __init__(self, is_fast):
        self.is_fast = is_fast


class OmniBillingProven(models.AbstractModel):
    """Says when fast billing is used, and looks for code that nobody has proved."""

    _inherit = "omni.billing.proven"

    @api.model
    def _is_on(self, company):
        """Whether the company's invoices are written fast, as it was proved."""
        # sudo: how it bills is no secret of the server's.
        company = company.sudo()
        is_tried = self.env.context.get(TRIAL)
        if isinstance(is_tried, Trial):
            return is_tried.is_fast
        return company.billing_use_proven and not self._find_loss(company)

    @api.model
    def _find_loss(self, company):
        """Return what took the proof of a company away, for people, or nothing."""
        if findings := self._find_unknown():
            return self._explain_findings(findings)
        if company.billing_proven_key != self._get_fingerprint():
            return self.env._(
                "Odoo or an addon was installed, removed or updated since it was"
                " proved. Prove it again."
            )
        return None

    @api.model
    def _switch_off_unproved(self, company):
        """Switch fast billing off if its proof is gone.

        :return: why, for people; nothing if it stays as it is.
        """
        # sudo: as above; only this and the button write it.
        company = company.sudo()
        loss = company.billing_use_proven and self._find_loss(company)
        if loss:
            trust(company).write(
                {"billing_use_proven": False, "billing_proven_problem": loss}
            )
        return loss or None

    def _explain_findings(self, findings):
        return self.env._(
            "Code or fields that are not known take part in making invoices:"
            " %(findings)s",
            findings=", ".join(findings[:10]),
        )

    # === CODE === #

    @api.model
    def _get_fingerprint(self):
        """Return what tells the code of today from that of another day."""
        return self._look_at_code()[1]

    @api.model
    def _find_unknown(self):
        """Return what may change an invoice and is not known: texts, sorted."""
        return [
            *self._look_at_code()[0],
            *self._find_patched(),
            *self._find_triggers(),
        ]

    def _look_at_code(self):
        """Return findings and fingerprint; looked at again when fields were added."""
        registry = self.env.registry
        state = tuple(len(registry[name]._fields) for name in MODELS)
        found = vars(registry).get(FOUND)
        if not found or found[0] != state:
            findings = sorted({*self._find_overrides(), *self._find_fields()})
            found = state, findings, self._compute_fingerprint()
            setattr(registry, FOUND, found)
        return found[1:]

    def _compute_fingerprint(self):
        query = SQL(
            "SELECT name, latest_version FROM ir_module_module"
            " WHERE state IN ('installed', 'to upgrade', 'to remove') ORDER BY name"
        )
        parts = [release.version, *map(str, self.env.execute_query(query))]
        files = {
            inspect.getfile(part) for name in MODELS for part in self._list_parts(name)
        }
        parts += [Path(file).read_text() for file in sorted(files)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _list_parts(self, name):
        """Return the classes that a model is made of."""
        return [
            part for part in self.env.registry[name].mro() if "_module" in vars(part)
        ]

    def _find_overrides(self):
        """Find methods that an unknown addon overrides, and constraints of it."""
        for name in MODELS:
            parts = self._list_parts(name)
            is_written = name in WRITTEN or name == "res.partner"
            ignored = LABELS | SHOWN if is_written else LABELS | SHOWN | UNUSED
            for part in parts:
                if not part._module or part._module in KNOWN:
                    continue
                others = {
                    key for other in parts if other != part for key in vars(other)
                }
                for key, value in vars(part).items():
                    # A constraint is called without being named.
                    is_called = is_written and hasattr(value, "_constrains")
                    if key not in ignored and (key in others or is_called):
                        yield f"{part._module}: {name}.{key}"

    def _find_fields(self):
        """Find stored fields that an unknown addon, or a person, has added."""
        for name in MODELS:
            for field in self.env[name]._fields.values():
                is_own = field.name == "id" or KNOWN.issuperset(field._modules)
                if field.store and (field.manual or not is_own):
                    yield f"{field} ({', '.join(field._modules)})"
        for name in WRITTEN:
            for field in self.env[name]._fields.values():
                for other in self.env.registry.get_dependent_fields(field):
                    is_known = KNOWN.issuperset(other._modules) and not other.manual
                    if other.store and not is_known:
                        yield f"{other} ({', '.join(other._modules)})"

    def _find_patched(self):
        """Find methods that were replaced at run time, as automation rules do.

        What only this addon defines is of no interest.
        """
        for name in MODELS:
            for key, value in vars(self.env.registry[name]).items():
                if isinstance(value, FunctionType) and any(
                    key in vars(part)
                    # The ORM's own class is of no addon.
                    and not (part._module or "").startswith("omni_billing")
                    for part in self._list_parts(name)
                ):
                    yield f"{name}.{key}"

    def _find_triggers(self):
        """Find triggers of the database that are not ours."""
        query = SQL(
            "SELECT relname, tgname FROM pg_trigger"
            " JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relname = ANY(%s)"
            " AND tgname NOT LIKE 'omni_billing_%%' ORDER BY 1, 2",
            [self.env[name]._table for name in WRITTEN],
        )
        return [f"{table}: {name}" for table, name in self.env.execute_query(query)]
