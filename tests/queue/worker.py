"""Odoo's side of the queue tests: a process that is loaded once.

``python -m tests.queue.worker DATABASE`` reads a call of a function of ``desk`` from
each line of its standard input, and writes what came of it; both are JSON. A call is
committed, and done again after a conflict, as Odoo does with a request.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from functools import partial

import odoo.init  # noqa: F401
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.service import model as service_model
from odoo.service.server import load_server_wide_modules
from odoo.tools import config


def main() -> None:
    """Load Odoo, then do what is asked for until nobody asks any more."""
    _script, database = sys.argv
    config.parse_config(
        [f"--database={database}", "--log-level=warn"], setup_logging=True
    )
    load_server_wide_modules()
    registry = Registry(database)
    desk = importlib.import_module("tests.queue.desk")
    for line in sys.stdin:
        call = json.loads(line)
        function = getattr(desk, call["function"])
        try:
            answer = {"value": _call(registry, function, call["arguments"])}
        except Exception:  # whatever it is, the test is told
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


def _call(registry, function, arguments):
    registry = Registry(registry.db_name).check_signaling()
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env.transaction.default_env = env
        return service_model.retrying(partial(function, env, **arguments), env)


if __name__ == "__main__":
    main()
