"""Companies in other countries: what Odoo installs for them, with the addon there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import paths, server
from dev.console import Failure, say
from dev.templates import Templates
from dev.workspace import Workspace

#: Those whose page of an invoice is compared with Odoo's, word by word.
PRINTED = ("FR", "BE", "CH", "DE", "CA", "AU", "US", "GB")
#: In the default run, all in one database: taxes of a union, and two on one line.
NEAR = ("FR", "CA")
COUNTRIES = """
charts = env["account.chart.template"]._get_chart_template_mapping().values()
print(*sorted({chart["country_code"] for chart in charts if chart["country_code"]}))
"""


def check(
    space: Workspace, *, everywhere: bool, expression: str = ""
) -> dict[str, bool]:
    """Found a company in some countries, or in each whose chart Odoo ships.

    :param expression: of everywhere, the countries only that it names, as ``AR CL``.
    :return: for each country whether a customer could be billed there.
    """
    if not everywhere:
        return _found(space, NEAR)
    verdicts = {}
    # Each in a database of its own: what one installs may not help the next.
    for code in _choose(_list(space), expression):
        verdicts |= _found(space, (code,))
        say(f"{'✓' if verdicts[code] else '✗'} {code}")
    return verdicts


@contextmanager
def drawing(space: Workspace, codes: tuple[str, ...], folder: Path) -> Iterator[None]:
    """Write an invoice of each country into a folder: Odoo's page as HTML, ours as PDF.

    What the HTML asks for is served meanwhile.

    :raise Failure: if a company cannot be founded there.
    """
    with (
        Templates(space).copied("addon", "pages") as database,
        server.serving(space, database, port=server.free_port(), log="pages") as odoo,
    ):
        printed = space.script(
            database,
            paths.SCRIPTS / "printed.py",
            countries=list(codes),
            folder=str(folder),
            url=odoo.url,
        )
        if printed.strip():
            raise Failure(printed)
        yield


def _list(space: Workspace) -> list[str]:
    with Templates(space).copied("addon", "countries") as database:
        return space.shell(database, COUNTRIES).splitlines()[-1].split()


def _choose(codes: list[str], expression: str) -> list[str]:
    names = expression.upper().split()
    if unknown := set(names) - set(codes):
        raise Failure(f"Odoo ships no chart for: {', '.join(sorted(unknown))}")
    return names or codes


def _found(space: Workspace, codes: tuple[str, ...]) -> dict[str, bool]:
    with Templates(space).copied("addon", "abroad") as database:
        printed = space.script(
            database, paths.SCRIPTS / "abroad.py", countries=list(codes)
        )
        if pages := [code for code in codes if code in PRINTED]:
            printed += space.script(
                database, paths.SCRIPTS / "printed.py", countries=pages
            )
    if printed.strip():
        say(printed)
    return {code: f"{code}: " not in printed for code in codes}
