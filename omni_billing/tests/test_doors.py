"""Each of Odoo's doors to our records has a verdict (`verdicts.py`).

A new door fails here until somebody has decided. One that Odoo changed since it was
judged is told as a warning, and fails in ``bin/test peers`` alone, which writes the
digests of today to a file. Read what changed, then take that file's content over.
"""

import hashlib
import inspect
import json
import os
import re
import tempfile
import warnings
from pathlib import Path

from odoo import release
from odoo.exceptions import AccessError
from odoo.service.model import get_public_method
from odoo.tests import TransactionCase, tagged
from odoo.tools import config

from .verdicts import METHODS, MODELS, ROUTES

FILE = Path(__file__).with_name("verdicts.json")
OURS = "odoo.addons.omni"
#: Of the digest of a source; more would only make the file longer.
LENGTH = 8
#: Doors that are named in a warning.
TOLD = 30
#: A part of a path that may be anything.
ANY = re.compile("<[^>]*>")


@tagged("post_install", "-at_install")
class TestDoors(TransactionCase):
    def test_each_route_has_a_verdict(self):
        """Routes that anybody, or a login to the portal, reaches."""
        known = [
            (auth, path)
            for doors in ROUTES.values()
            for auth, paths in doors.items()
            for path in paths.split()
        ]
        self._compare(set(self._find_routes()), known)

    def test_each_method_of_odoo_has_a_verdict(self):
        """Public methods of the models that we extend, or that touch our records."""
        known = [
            (owner, name)
            for owner, verdicts in METHODS.items()
            for names in verdicts.values()
            for name in names.split()
        ]
        self._compare(set(self._find_methods()), known)

    def test_each_model_that_we_extend_is_looked_at(self):
        ours = {
            model
            for model, cls in self.env.registry.items()
            if not cls._original_module.startswith("omni")
            and not cls._abstract
            and any(
                part.__module__.startswith(OURS) and part._name == model
                for part in cls.mro()
            )
        }
        self.assertEqual(ours - set(MODELS.split()), set())

    def test_each_dialog_is_its_owners(self):
        """Odoo keeps dialogs by access rights and rules, as it does any record."""
        # sudo: rules are an administrator's.
        rules = self.env["ir.rule"].sudo().search([("groups", "=", False)])
        owned = {
            rule.model_id.model
            for rule in rules
            if "create_uid" in (rule.domain_force or "")
        }
        dialogs = {
            name
            for name, cls in self.env.registry.items()
            if cls._transient
            and not cls._abstract
            and (name in MODELS.split() or name.startswith("omni.billing."))
        }
        self.assertEqual(dialogs - owned, set())

    def test_odoo_is_as_it_was_judged(self):
        found = self._digest()
        known = json.loads(FILE.read_text())
        changed = sorted(
            door
            for door, digest in found["doors"].items()
            if digest != known["doors"].get(door)
        )
        if not changed:
            return
        told = (
            f"Odoo {found['odoo']} differs from {known['odoo']} in {len(changed)}"
            f" doors: {', '.join(changed[:TOLD])}."
        )
        if os.environ.get("OMNI_PEERS"):
            file = Path(tempfile.gettempdir()) / FILE.name
            file.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")
            self.fail(f"{told} Read what changed, then copy {file} to {FILE}.")
        warnings.warn(told, stacklevel=1)

    def _compare(self, found, known):
        self.assertEqual(len(known), len(set(known)), "two verdicts on one door")
        self.assertEqual(sorted(found - set(known)), [], "say what holds these doors")
        self.assertEqual(sorted(set(known) - found), [], "there are no such doors")

    # === WHAT THERE IS === #

    def _find_routes(self):
        """Return the endpoint of each route, by who may come and its path."""
        modules = self.env.registry._init_modules.union(config["server_wide_modules"])
        routes = self.env["ir.http"]._generate_routing_rules(sorted(modules), None)
        return {
            (endpoint.routing["auth"], ANY.sub("*", path)): endpoint
            for path, endpoint in routes
        }

    def _find_methods(self):
        """Return Odoo's definitions of each method, by its model or mixin and name."""
        found = {}
        for model in MODELS.split():
            cls = self.env.registry[model]
            for name in dir(cls):
                definitions = [
                    part
                    for part in cls.mro()
                    if name in vars(part)
                    and not hasattr(part, "pool")
                    and not part.__module__.startswith(OURS)
                ]
                if definitions and self._is_public(model, name):
                    owner = getattr(definitions[-1], "_name", None) or "BaseModel"
                    found.setdefault((owner, name), set()).update(definitions)
        return found

    def _is_public(self, model, name):
        method = getattr(self.env.registry[model], name, None)
        if name.startswith("_") or not inspect.isroutine(method):
            return False
        try:
            return bool(get_public_method(self.env[model], name))
        except AccessError:
            return False

    def _digest(self):
        """Return the digest of the source of each door, and Odoo's version."""
        doors = {}
        for (owner, name), definitions in self._find_methods().items():
            sources = [_source_of(vars(part)[name]) for part in definitions]
            doors[f"{owner}.{name}"] = sources
        for (auth, path), endpoint in self._find_routes().items():
            module = inspect.getmodule(inspect.unwrap(endpoint))
            if not module.__name__.startswith(OURS):
                doors[f"{auth} {path}"] = [_source_of(endpoint)]
        return {
            "odoo": release.version,
            "doors": {
                door: hashlib.sha256("".join(sorted(sources)).encode()).hexdigest()[
                    :LENGTH
                ]
                for door, sources in doors.items()
            },
        }


def _source_of(method):
    return inspect.getsource(inspect.unwrap(getattr(method, "__func__", method)))
