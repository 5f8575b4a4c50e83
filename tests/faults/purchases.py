"""Real purchases, imported and billed by hand; runs in a fork of ``worker``."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from dev import paths
from tests.faults import shared

TYPES = {
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def import_all(env, model, file):
    """Import a file as ``bin/cdnow`` does; return what it says last."""
    script = (paths.SCRIPTS / "import_csv.py").read_text()
    said = io.StringIO()
    with redirect_stdout(said):
        exec(script, {"env": env, "arguments": {"model": model, "file": file}})  # noqa: S102
    return said.getvalue().splitlines()[-1]


def import_by_dialog(env, model, file, limit=2000):
    """Import a file as Odoo's dialog does: upload, match the columns, test, import.

    :return: how many records were made, and the messages that the dialog shows.
    """
    file = Path(file)
    dialog = env["base_import.import"].create({"res_model": model})
    # The dialog posts the file to a page that does just this.
    dialog.write(
        {
            "file": file.read_bytes(),
            "file_name": file.name,
            "file_type": TYPES[file.suffix],
        }
    )
    options = {
        "has_headers": True,
        "quoting": '"',
        "separator": "",
        "encoding": "",
        "date_format": "",
        "datetime_format": "",
        "float_thousand_separator": ",",
        "float_decimal_separator": ".",
        "sheet": "",
        "skip": 0,
        "limit": limit,
        "import_skip_records": [],
        "import_set_empty_fields": [],
        "fallback_values": {},
        "name_create_enabled_fields": {},
    }
    preview = dialog.parse_preview(options)
    if preview.get("error"):
        return 0, [preview["error"]]
    columns = range(len(preview["headers"]))
    names = ["/".join(preview["matches"].get(index, ())) for index in columns]
    options |= preview["options"]
    for is_test in (True, False):
        ids, skip, is_over = [], 0, False
        while not is_over:
            result = dialog.execute_import(
                names,
                preview["headers"],
                {**options, "skip": skip, "limit": limit},
                dryrun=is_test,
            )
            ids += result["ids"] or []
            messages = [message["message"] for message in result["messages"]]
            skip = result["nextrow"]
            # The dialog goes no further when there is something to say.
            is_over = bool(messages) or not skip
        if any(message["type"] == "error" for message in result["messages"]):
            break
    return len(ids), messages


def bill_each(env, customers, **period):
    """Generate an invoice for each customer, of all that is due in a period."""
    partners = env["res.partner"].search([("name", "in", customers)])
    for partner in partners:
        values = {"partner_id": partner.id, **period}
        env["omni.billing.proforma.wizard"].create(values).action_generate()
    return partners.ids


def read(env):
    """Read each purchase, and the invoices of those who made them."""
    purchases = env["omni.billing.transaction"].search(
        [("external_ref", "like", "cdnow-")]
    )
    invoices = env["account.move"].search(
        [("partner_id", "in", purchases.partner_id.ids)]
    )
    return {
        "purchases": [
            [
                purchase.external_ref,
                str(purchase.date),
                purchase.state,
                purchase.amount_total,
            ]
            for purchase in purchases.sorted("id")
        ],
        "invoices": [
            [move.partner_id.name, move.billing_state, move.amount_total]
            for move in invoices
        ],
        "books": shared.read_books(env, purchases.partner_id.ids),
    }
