"""bin/run: serve Omni Billing with its demo data."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from dev import addon, build, core, mailbox, paths, server, story, workspace
from dev.console import Failure, Step, say
from dev.workspace import Workspace

TESTS = False
CORE = True

DRAFT = "_draft"
LOGINS = ("staff", "manager", "customer", "admin")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options, and find out early that the port is taken."""
    parser = argparse.ArgumentParser(prog="bin/run", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=8069, help="of the web server (8069)")
    add("--interface", default="127.0.0.1", help="to listen on (127.0.0.1)")
    add("--database", "-d", default="omni", help="name of the database (omni)")
    add("--data-dir", type=Path, default=paths.DATA, help="for databases and files")
    add("--fresh", action="store_true", help="throw the database away first")
    add("--small", action="store_true", help="a new one gets three customers, no story")
    add("--workers", type=int, default=0, help="server processes (0: threads)")
    for name in ("host", "port", "user", "password"):
        add(f"--db_{name}", help=f"{name} of your own PostgreSQL")
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"\w[\w.-]*", options.database):
        parser.error("the database name may have letters, digits, _, - and .")
    if not server.is_free(options.interface, options.port):
        raise Failure(f"Port {options.port} is taken: choose another with --port.")
    return options


def main(options: argparse.Namespace) -> int:
    """Prepare the database and serve it until told to stop."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(0))
    # A shell starts what it puts in the background deaf to this signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _use_server_options(options)
    with workspace.opened(core.ensure(), options.data_dir) as space:
        prepare(space, options.database, options.fresh, is_story=not options.small)
        return _serve(space, options)


def prepare(
    space: Workspace, name: str, fresh: bool = False, *, is_story: bool = False
) -> None:
    """Create the demo database, or bring it up to the addon's files.

    :param is_story: a new one gets the story, or else the demo data of the addon.
    """
    databases = space.databases
    digest = addon.digest()
    if fresh:
        databases.drop(name)
    if not databases.exists(name):
        _create(space, name, digest, is_story)
    elif databases.note(name) != digest:
        build.update_addon(space, name)
        databases.set_note(name, digest)


def _create(space: Workspace, name: str, digest: str, is_story: bool) -> None:
    draft = name + DRAFT
    space.databases.drop(draft)
    build.build_base(space, draft)
    build.install_addon(space, draft)
    if is_story:
        story.tell(space, draft)
    else:
        build.load_demo(space, draft)
    space.databases.set_note(draft, digest)
    space.databases.rename(draft, name)
    story.rename(space, draft, name)


def _serve(space: Workspace, options: argparse.Namespace) -> int:
    url = f"http://localhost:{options.port}"
    space.databases.set_parameters(
        options.database, {"web.base.url": url, "web.base.url.freeze": "True"}
    )
    with ExitStack() as stack:
        mails = stack.enter_context(mailbox.open_mailbox(space.data / "mails"))
        stripe = stack.enter_context(story.stripe_beside(space, options.database))
        with Step("Starting Odoo", "Odoo started"):
            odoo = stack.enter_context(
                server.serving(
                    space,
                    options.database,
                    *(f"--workers={options.workers}", f"--smtp={mailbox.HOST}"),
                    f"--smtp-port={mails.port}",
                    port=options.port,
                    interface=options.interface,
                )
            )
        if stripe:
            story.listen(stripe, odoo.url)
        _welcome(odoo, mails, is_stripe=bool(stripe))
        try:
            code = odoo.wait()
        except KeyboardInterrupt:
            return 0
    raise Failure(f"Odoo stopped by itself with code {code} (see {odoo.log}).")


def _welcome(odoo: server.Server, mails: mailbox.Mailbox, is_stripe: bool) -> None:
    say(f"\n  Omni Billing is at {odoo.url}")
    say(f"  Logins, each with its name as password: {', '.join(LOGINS)}")
    say(f"  E-mail goes nowhere but into {mails.folder}")
    if is_stripe:
        say("  Cards go to a Stripe of the tests on this machine: no money moves.")
        say("  A new card is 4242 4242 4242 4242, its date any that is to come.")
    say(f"  Log: {odoo.log}\n  Ctrl-C stops it.")


def _use_server_options(options: argparse.Namespace) -> None:
    """Pass Odoo's names for a database server on as libpq's variables."""
    for name in ("host", "port", "user", "password"):
        if value := getattr(options, f"db_{name}"):
            os.environ[f"PG{name.upper()}"] = value
