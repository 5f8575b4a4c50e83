"""Tell at the edge of the screen what a button did."""

from __future__ import annotations

from typing import Any

Action = dict[str, Any]


def notice(
    message: str,
    kind: str = "success",
    sticky: bool = False,
    after: Action | None = None,
) -> Action:
    """Return the action that shows a message, as a button's method does.

    :param kind: ``success``, ``info``, ``warning`` or ``danger``.
    :param sticky: whether it stays until somebody closes it.
    :param after: the action that follows, none if the screen stays as it is.
    """
    params: Action = {"type": kind, "message": message, "sticky": sticky}
    if after:
        params["next"] = after
    return {
        "type": "ir.actions.client",
        "tag": "display_notification",
        "params": params,
    }


def close() -> Action:
    """Return the action that closes the dialog."""
    return {"type": "ir.actions.act_window_close"}


def reload() -> Action:
    """Return the action that shows the same screen, and its dialog, as they are now."""
    return {"type": "ir.actions.client", "tag": "omni_billing_reload"}
