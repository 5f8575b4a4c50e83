"""What a button opens: a form in a dialog, or a list of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def open_dialog(
    model: str,
    name: str,
    context: dict[str, Any] | None = None,
    *,
    res_id: int | None = None,
    view_id: int | None = None,
) -> dict[str, Any]:
    """Return the action that opens a form in a dialog.

    :param name: the title, translated.
    :param res_id: the record that is shown; a new one if there is none.
    :param view_id: the form; by default that of the model.
    """
    action = {
        "type": "ir.actions.act_window",
        "name": name,
        "res_model": model,
        "view_mode": "form",
        "views": [(view_id or False, "form")],
        "target": "new",
        "context": context or {},
    }
    return {**action, "res_id": res_id} if res_id else action


def open_list(
    env, name: str, domain: Sequence[Any], context: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return an action, limited to some records.

    :param env: the environment of who asks.
    :param name: the id of the action, without that of the addon if it is this one.
    :param context: instead of the action's own, if it is given.
    """
    full = name if "." in name else f"omni_billing.{name}"
    action = env["ir.actions.act_window"]._for_xml_id(full)
    action["domain"] = list(domain)
    if context is not None:
        action["context"] = context
    return action
