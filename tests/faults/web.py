"""Requests of programs to Odoo's web server; runs in a fork of ``worker``."""

from __future__ import annotations

import base64

from werkzeug.test import Client

from odoo import http
from odoo.fields import Datetime

from odoo.addons.omni_billing.gateways.pdf import WeasyPrintRenderer

from tests.faults import people
from tests.faults.worker import wrap


def stop_at(registry, step, stop):
    """Have the fork stop when it is about to make a PDF, or has made it."""
    cache = registry["omni.billing.pdf.cache"]
    if step == "rendering":
        wrap(cache, "_render", before=lambda _self: stop(step))
    elif step == "stored":
        wrap(cache, "_store", after=lambda _self: stop(step))
    else:
        raise ValueError(step)


def add_invoice(env, users, name, lines):
    """Add an invoice with many lines; return it, and a key to it."""
    titles = [f"Call {number}" for number in range(lines)]
    case = people.add_case(env, users, name, titles, 1, is_billed=True)
    keys = env["res.users.apikeys"].with_user(users["sam"]).sudo()
    expiry = Datetime.add(Datetime.now(), days=1)
    key = keys._generate("rpc", "faults", expiry)
    return {"path": f"/crm/invoice/{case['invoices'][0]}/pdf", "key": key}


def request(path, key, **headers):
    """Fetch a page; return status, headers, content, and whether a PDF was made."""
    made = []
    wrap(WeasyPrintRenderer, "render", after=made.append)
    response = Client(http.root).get(
        path,
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {key}", **headers},
    )
    content = base64.b64encode(response.data).decode()
    return response.status_code, dict(response.headers), content, bool(made)


request.is_web = True
