"""What bin/test says of other addons, Pythons, databases and Odoos is right (W43)."""

import ast

import pytest

from dev import apart, guests, neighbors, newer, official, paths, versions
from dev.console import Failure
from dev.guests import Outcome, Suite
from dev.parts import UNIT_TESTS

HEAD = "2026-01-01 00:00:00,000 42 {} db odoo.addons.{}: {}"


def _log(*events):
    """Write what Odoo's runner logs: the place of a test, and what is said of it."""
    lines = []
    for place, text in events:
        level = "ERROR" if text.startswith(("FAIL", "ERROR")) else "INFO"
        lines.append(HEAD.format(level, place, text))
    return "\n".join(lines)


class TestSuites:
    def test_log_tells_what_passed_and_what_failed(self):
        log = _log(
            ("sale.tests.test_a", "Starting TestA.test_good ... "),
            ("sale.tests.test_a", "Starting TestA.test_bad ... "),
            ("sale.tests.test_a", "FAIL: TestA.test_bad"),
            ("sale.tests.test_a", "Starting TestA.test_worse ... "),
            ("sale.tests.test_a", "ERROR: Subtest TestA.test_worse (x=1)"),
            ("sale.tests.test_a", "Starting TestA.test_left_out ... "),
            ("sale.tests.test_a", "skipped TestA.test_left_out : no fonts"),
            ("sale_other.tests.test_b", "Starting TestB.test_of_another ... "),
            ("sale.models.sale_order", "Starting Order.test_is_no_test"),
        )
        found = Outcome.of("sale", log)
        assert found.passed == {"TestA.test_good"}
        assert found.failed == {"TestA.test_bad", "TestA.test_worse"}

    def _suite(self, without, beside):
        return Suite("sale", Outcome(frozenset(without)), Outcome(frozenset(beside)))

    def test_what_passes_without_only_is_lost_even_if_it_never_begins(self):
        suite = self._suite({"A.test_1", "A.test_2"}, {"A.test_1"})
        assert suite.lost == {"A.test_2"}
        [complaint] = suite.judge(set())
        assert "A.test_2 passes without the addon only" in complaint
        assert suite.judge({"A.test_2"}) == []

    def test_a_listed_test_that_passes_is_told(self):
        suite = self._suite({"A.test_1"}, {"A.test_1"})
        [complaint] = suite.judge({"A.test_1"})
        assert "still lists it" in complaint

    def test_what_fails_without_the_addon_too_is_no_difference(self):
        suite = Suite(
            "sale",
            Outcome(frozenset({"A.test_1"}), frozenset({"A.test_2"})),
            Outcome(frozenset({"A.test_1"}), frozenset({"A.test_2"})),
        )
        assert suite.judge(set()) == []
        assert "| `sale` | 1 | 1 | 1 | 1 | 0 |" in guests.table([suite])

    def test_suites_are_chosen_by_name(self):
        assert guests.choose("") == list(guests.SUITES)
        assert guests.choose("portal payment") == ["payment", "portal"]
        with pytest.raises(Failure, match="no such suite: paymnt"):
            guests.choose("paymnt")

    def test_page_lists_tests_with_a_reason_each(self):
        assert "StripeTest.test_tx_state_after_send_void_request" in guests.listed()


class TestNeighbors:
    def test_every_path_is_a_function_of_the_script(self):
        text = neighbors.SCRIPT.read_text()
        for name in neighbors.PATHS:
            assert f"\ndef {name}():" in text

    def test_versions_are_read_from_the_folder(self, tmp_path):
        (tmp_path / "odoo_addon_contract-19.0.1.2.0.dist-info").mkdir()
        (tmp_path / "bin").mkdir()
        assert neighbors.versions(tmp_path) == [("contract", "19.0.1.2.0")]


OFFICIAL = """
# The officially supported versions
Babel==2.9.1 ; python_version < '3.11'  # min version
Babel==2.10.3 ; python_version >= '3.11'
psycopg2==2.9.9 ; python_version >= '3.12'
requests==2.31.0 ; python_version >= '3.11'
python-ldap==3.4.4 ; sys_platform != 'win32'
pypiwin32 ; sys_platform == 'win32'
pytz  # no version
"""


def _imported(file):
    """Name the packages that a file imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse((paths.ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


class TestVersions:
    def test_odoos_versions_come_first_and_ours_of_the_rest(self):
        ours = "babel==2.18.0\npsycopg2-binary==2.9.13\nstripe==16.1.0\npytz==2026.6\n"
        ours += "requests==2.34.2\nplaywright==1.65.2\n"
        assert official.merge(OFFICIAL, [ours], "3.12") == [
            "babel==2.10.3",
            "psycopg2-binary==2.9.9",
            "pytz",
            "requests==2.34.2",
            "stripe==16.1.0",
        ]

    def test_what_a_run_lacks_no_test_of_it_imports(self):
        lacking = {name.replace("-", "_") for name in official.NOT_NEEDED}
        tests = (
            test.relative_to(paths.ROOT)
            for folder in UNIT_TESTS
            for test in (paths.ROOT / folder).rglob("*.py")
        )
        importing = {str(test) for test in tests if _imported(test) & lacking}
        assert importing == set(official.NOT_RUN)

    def test_each_python_has_both_lists_and_each_database_its_turn(self):
        rows = versions.pair(["3.10", "3.13"], ["13", "14", "15", "16", "17"])
        assert {row.postgres for row in rows} == {"13", "14", "15", "16", "17"}
        assert {(row.python, row.is_official) for row in rows} == {
            ("3.10", False),
            ("3.13", False),
            ("3.10", True),
            ("3.13", True),
        }
        assert str(rows[2]) == "Python 3.10, PostgreSQL 15, Odoo's requirements"

    def test_a_run_apart_that_breaks_has_failed(self, tmp_path):
        closing = "After 1.0 minutes:\n12 passed, 0 failed\n"
        assert apart.Counts.of(closing, 0, tmp_path).failed == 0
        assert apart.Counts.of(closing, 1, tmp_path).failed == 1
        assert apart.Counts.of("Traceback", 1, tmp_path).failed == 1
        assert apart.Counts.of("", 0, tmp_path).failed == 1


class TestNext:
    def test_newer_is_what_debian_says(self):
        assert newer.is_newer("19.0.1+dfsg-1", "19.0.0+dfsg-1")
        assert newer.is_newer("19.0.0+dfsg-2", "19.0.0+dfsg-1")
        assert not newer.is_newer("19.0.0+dfsg-1", "19.0.0+dfsg-1")
        assert not newer.is_newer("19.0.0~rc1", "19.0.0+dfsg-1")

    def test_another_commit_is_newer(self):
        assert newer.is_newer("f" * 40, "e" * 40)
        assert not newer.is_newer("f" * 40, "f" * 40)

    def test_a_newer_odoo_runs_in_a_state_of_its_own(self, monkeypatch, tmp_path):
        runs = []

        def run(folder, arguments, environment):
            runs.append((folder, arguments, environment))
            log = tmp_path / "log"
            log.write_text("7 passed, 0 failed")
            return apart.Counts.of(log.read_text(), 0, log)

        offered = {"19.0": "19.0.9+dfsg-1", "20.0": None}
        monkeypatch.setattr(newer, "FOLDER", tmp_path / "next")
        monkeypatch.setattr(newer, "newest", offered.get)
        monkeypatch.setattr(apart, "run", run)
        home = tmp_path / "core-19.0.0+dfsg-1" / "usr"
        odoo = newer.core.Core("19.0", home, ())
        assert newer.check(odoo, "money") == {"Odoo 19.0.9+dfsg-1": True}
        [(folder, arguments, environment)] = runs
        assert folder.name == "19.0.9+dfsg-1"
        assert arguments == ["-k", "money"]
        assert environment["OMNI_NEWEST"]

        offered["19.0"] = "19.0.0+dfsg-1"
        assert newer.check(odoo) == {"nothing newer": True}
        assert len(runs) == 1
