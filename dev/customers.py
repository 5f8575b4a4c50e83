"""Which texts customers see: those that are translated into more languages.

By where a text stands: in the templates of pages and documents, in mails, in what only
their pages use. By how a model says it: `self.env._` speaks the language of who is
logged in, any other `env._` that of who gets the text. And by name, where customers and
staff are told by the same methods.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from dev import paths

if TYPE_CHECKING:
    from polib import POFile

#: Files and folders that speak to nobody else, with the names of their addons.
FILES = (
    "omni_billing/controllers/",
    "omni_billing/models/customers/res_partner_people.py",
    "omni_billing/models/documents/account_move_printed.py",
    "omni_billing/models/services/omni_billing_service_own.py",
    "omni_billing/models/services/omni_billing_service_plan_own.py",
    "omni_billing/static/src/portal/",
    "omni_billing_wallet/controllers/",
)
#: Selections whose values are on pages and in mails.
FIELDS = (
    "account_move__billing_state",
    "account_move_line__billing_wallet_event",
    "omni_billing_activity_log__action",
    "omni_billing_consent__channel",
    "omni_billing_pack__state",
    "omni_billing_pack_use__kind",
    "omni_billing_service__state",
    "omni_billing_transaction__state",
)
#: Methods that speak to staff elsewhere, and to customers on their pages.
METHODS = {
    "omni_billing/models/base/omni_billing_stats.py": (
        "billing_retrieve_stats",
        "_billing_get_card_labels",
    ),
    "omni_billing/models/cards/account_move.py": (
        "_billing_raise_look_again",
        "_billing_check_no_attempt",
        "_billing_check_not_covered",
        "_billing_check_token",
        "_billing_check_payable",
        "_billing_charging_once",
        "_billing_close_begun",
    ),
    "omni_billing/models/cards/account_move_chargeable.py": (
        "_billing_check_currency",
    ),
    "omni_billing/models/cards/account_move_guest.py": (
        "_billing_check_customer_is_away",
    ),
    "omni_billing/models/cards/payment_provider.py": (
        "_billing_explain_refusal",
        "_billing_get_gateway",
        "_billing_check_mode",
    ),
    "omni_billing/models/cards/payment_token.py": (
        "_billing_check_card",
        "_billing_check_idle",
        "_billing_check_seen",
        "_billing_raise_foreign",
        "action_billing_set_default",
    ),
    "omni_billing/models/cards/payment_token_consent.py": (
        "_billing_keep_consent",
        "_billing_describe",
        "_billing_get_consent_text",
    ),
    "omni_billing/models/cards/payment_token_debit.py": ("_billing_explain_no_debit",),
    "omni_billing/models/cards/payment_transaction_debit.py": (
        "_billing_explain_collecting",
        "_billing_explain_return",
    ),
    "omni_billing/models/cards/res_company.py": (
        "_billing_get_consent_words",
        "_billing_get_debit_words",
        "_billing_get_new_debit_words",
    ),
    "omni_billing/models/cards/payment_transaction.py": (
        "_billing_apply_cancel",
        "_billing_apply_charge",
        "_billing_resolve_charge",
    ),
    "omni_billing/models/cards/payment_transaction_account.py": (
        "_billing_apply_account",
        "_billing_begin_account",
        "_billing_explain_unverified",
        "_billing_get_mandate_words",
        "_billing_open_page",
        "_billing_prepare_mandate",
        "_billing_take_refusal",
        "_billing_verify_account",
    ),
    "omni_billing/models/cards/payment_transaction_allowed.py": (
        "_billing_check_beginning",
        "_billing_check_card",
        "create",
    ),
    "omni_billing/models/cards/payment_transaction_held.py": ("_billing_explain_held",),
    "omni_billing/models/cards/payment_transaction_outcome.py": ("_billing_leave",),
    "omni_billing/models/cards/payment_transaction_stripe.py": (
        "_billing_check_step",
        "_stripe_create_customer",
    ),
    "omni_billing/models/cards/payment_transaction_words.py": (
        "billing_get_client_values",
        "_billing_explain_code",
        "_billing_explain_confirmation",
        "_billing_explain_refusal",
        "_billing_explain_silence",
        "_billing_explain_to_customer",
        "_billing_explain_under_way",
    ),
    "omni_billing/models/collection/account_move_remind.py": (
        "_billing_name_reminder",
    ),
    "omni_billing/models/documents/account_move.py": (
        "_billing_get_tax_number",
        "_billing_list_tax_labels",
    ),
    "omni_billing/models/documents/ir_actions_report.py": (
        "_billing_render_weasyprint",
    ),
    "omni_billing/models/documents/omni_billing_pdf_cache.py": ("_render",),
    "omni_billing/models/invoicing/account_move.py": (
        "_billing_get_card_labels",
        "_billing_get_lines",
        "_billing_lock",
        "_compute_billing_period",
    ),
    "omni_billing/models/ledger/omni_billing_transaction.py": (
        "_billing_get_card_labels",
    ),
    "omni_billing/models/ledger/omni_billing_transaction_report.py": ("_report",),
    "omni_billing/models/mail/res_partner.py": (
        "_billing_check_archive",
        "_billing_hold_email",
    ),
    "omni_billing/models/overdue/res_partner.py": ("_billing_get_suspension",),
    "omni_billing/models/overdue/omni_billing_service.py": ("_billing_unpause",),
    "omni_billing/models/payments/account_move.py": (
        "_billing_check_payable",
        "_billing_check_together",
    ),
    "omni_billing/models/payments/account_move_chargeable.py": (
        "_billing_check_amount",
    ),
    "omni_billing/models/services/omni_billing_service_plan.py": (
        "_billing_change_plan",
        "_billing_preview_plan",
        "_billing_undo_plan",
        "_compute_plan_change",
        "_list_plan_notes",
    ),
    "omni_billing/models/services/omni_billing_service_plan_coming.py": (
        "_list_plan_notes",
    ),
    "omni_billing/models/services/omni_billing_service_plan_later.py": (
        "_list_plan_notes",
        "_list_plan_over",
    ),
    "omni_billing/models/services/omni_billing_service_discount.py": (
        "_billing_redeem",
        "_describe",
        "_describe_discount",
    ),
    "omni_billing/models/services/omni_billing_service_tell.py": ("_write_how_to_end",),
    "omni_billing/models/services/omni_billing_service_term.py": ("_compute_trial",),
    "omni_billing/models/services/omni_billing_service_suspension.py": (
        "_describe_suspension",
    ),
    "omni_billing/wizards/omni_billing_statement.py": (
        "_check_dates",
        "_compute_display_name",
        "_get_subject",
        "_get_body",
    ),
    "omni_billing_facturx/models/res_company.py": (
        "_billing_get_no_discount",
        "_billing_get_penalty",
        "_billing_get_recovery",
    ),
    "omni_billing_sepa/models/account_banking_mandate.py": ("_billing_revoke",),
    "omni_billing_sepa/models/account_move.py": ("_billing_explain_collecting",),
    "omni_billing_wallet/models/omni_billing_wallet.py": ("_check_top_up",),
    "omni_billing_wallet/models/res_company_wallet.py": (
        "_billing_get_wallet_account",
    ),
}
#: What a mail says; its name and description are staff's.
MAIL = re.compile(r"model(_terms)?:mail\.template,(subject|body_html):")
VIEW = "model_terms:ir.ui.view,arch_db:"
SELECTION = re.compile(
    rf"model:ir\.model\.fields\.selection,name:\w+\.selection__({'|'.join(FIELDS)})__"
)
#: Records that customers choose from, and units of what they are charged for.
CHOICE = re.compile(r"model:(omni\.billing\.closing\.reason|uom\.uom),name:")
CODE = "code:addons/"
#: Where it matters whose language is spoken.
SPEAKING = {"models", "wizards"}


def keep(terms: POFile) -> POFile:
    """Return the terms that customers see, and of each the places where they do."""
    import polib

    kept = polib.POFile()
    kept.metadata = terms.metadata
    for term in terms:
        seen = [place for place in term.occurrences if _is_seen(term.msgid, place[0])]
        if seen:
            entry = polib.POEntry(**vars(term))
            entry.occurrences = seen
            kept.append(entry)
    return kept


def _is_seen(message: str, place: str) -> bool:
    if place.startswith(CODE):
        file = place.removeprefix(CODE)
        return file.startswith(FILES) or message in said(paths.ROOT / file)
    if place.startswith(VIEW):
        return place.removeprefix(VIEW) in templates()
    return any(kind.match(place) for kind in (MAIL, SELECTION, CHOICE))


@cache
def templates() -> set[str]:
    """Return the names of the QWeb templates: nothing of the back office is one."""
    return {
        f"{folder.name}.{template.get('id')}"
        for folder in paths.ADDONS
        for file in folder.glob("*/*.xml")
        for template in ElementTree.parse(file).iter("template")
    }


@cache
def said(file: Path) -> set[str]:
    """Return what a Python file says to customers, beside what it says to staff."""
    path = file.relative_to(paths.ROOT)
    if file.suffix != ".py" or path.parts[1] not in SPEAKING:
        return set()
    tree = ast.parse(file.read_text())
    said = [
        call for name in METHODS.get(str(path), ()) for call in find_said(tree, name)
    ]
    said += [call for call in _find_calls(tree) if _is_to_others(call)]
    return {call.args[0].value for call in said}


def find_said(tree: ast.Module, name: str) -> list[ast.Call]:
    """Return where the methods of that name translate something."""
    return [
        call
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == name
        for call in _find_calls(node)
    ]


def _find_calls(tree: ast.AST) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ]


def _is_to_others(call: ast.Call) -> bool:
    """Tell whether a text is said in another language than that of who is there."""
    return ast.unparse(call.func) not in ("self.env._", "request.env._")
