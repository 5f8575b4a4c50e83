import errno
import os
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger

from ..gateways import folder, places
from .fetch_common import FetchCommon

LAST_ID = "SELECT last_value FROM omni_billing_usage_arrival_id_seq"


@tagged("post_install", "-at_install")
class TestFetch(FetchCommon):
    """W41: files of a folder, each taken in once, whatever else lies there."""

    def setUp(self):
        super().setUp()
        self.switch.write({"fetch_from": "folder", "fetch_folder": str(self.folder)})

    def test_file_is_taken_in_once(self):
        """W41: when it is whole; one that grows, or has come again, is read anew."""
        self._put("b.csv", "2")
        self._put("a.csv", "1")
        self._put("c.csv.part", "3")
        self._look()
        self.assertEqual(self._files(), [("a.csv", "waiting"), ("b.csv", "waiting")])
        # Somebody is still writing it.
        self._put("b.csv", "2", "3")
        self._look()
        self.assertEqual(self._files(), [("a.csv", "taken"), ("b.csv", "waiting")])
        self._look()
        self.assertEqual(self._refs(), ["1", "2", "3"])
        batches = self.env["omni.billing.usage.batch"].search(
            [("source_id", "=", self.switch.id)], order="id"
        )
        self.assertEqual(batches.mapped("file_name"), ["a.csv", "b.csv"])
        self.assertEqual(set(batches.mapped("origin")), {"fetch"})
        self.assertEqual(batches.arrival_id.mapped("state"), ["taken", "taken"])
        # What stays takes no id with each look.
        [[last_id]] = self.env.execute_query(SQL(LAST_ID))
        self._look(3)
        self.assertEqual(self.env.execute_query(SQL(LAST_ID)), [(last_id,)])
        self.assertEqual(self.switch.batch_ids, batches)
        # It has come again, then grown.
        self._put("a.csv", "1")
        self._look(2)
        self.assertEqual(self._files()[:2], [("a.csv", "taken"), ("a.csv", "same")])
        self.assertEqual(self.switch.batch_ids, batches)
        self._put("a.csv", "1", "4")
        self._look(2)
        self.assertEqual(self._refs(), ["1", "2", "3", "4"])
        self.assertEqual((self.switch.count_taken, self.switch.count_double), (4, 1))
        self.assertTrue((self.folder / "a.csv").exists())

    def test_files_that_stay_cost_no_statements(self):
        """W45: however many they are."""

        def count():
            self._look()
            before = self.env.cr.sql_log_count
            self._look()
            return self.env.cr.sql_log_count - before

        for number in range(2):
            self._put(f"{number}.csv", f"{number}")
        self._look()
        few = count()
        for number in range(20):
            self._put(f"{number}.csv", f"{number}")
        self._look(2)
        self.assertEqual(count(), few)

    def test_files_are_taken_in_by_name(self):
        """W41: whatever order the folder has them in."""
        for name in ("c.csv", "a.csv", "b.csv"):
            self._put(name, name)
        self._look(2)
        batches = self.switch.batch_ids.sorted("id")
        self.assertEqual(batches.mapped("file_name"), ["a.csv", "b.csv", "c.csv"])

    def test_file_that_was_taken_in_is_put_aside(self):
        """W41: after it is there for good; nothing is written over."""
        self.switch.fetch_then = "rename"
        for number in range(2):
            self._put("a.csv", f"{number}")
            self._look(2)
        names = {path.name for path in self.folder.iterdir()}
        self.assertEqual(names, {"a.csv.done", "a.csv.1.done"})
        self.switch.fetch_then = "move"
        for number in range(2, 4):
            self._put("a.csv", f"{number}")
            self._look(2)
        names = {path.name for path in (self.folder / "done").iterdir()}
        self.assertEqual(names, {"a.csv", "a.csv.1"})
        self.assertEqual(self._refs(), ["0", "1", "2", "3"])
        # A process died in between: it is put aside the next time.
        self.switch.fetch_then = "leave"
        self._put("b.csv", "5")
        self._look(2)
        self.switch.fetch_then = "move"
        self._look()
        self.assertTrue((self.folder / "done" / "b.csv").exists())
        self.assertEqual(self.switch.count_double, 0)
        # A link in its place is not gone through.
        os.rename(self.folder / "done", self.folder / "other")
        (self.folder / "done").symlink_to(self.outside.parent)
        self._put("b.csv", "6")
        self._put("c.csv", "7")
        self._look(2)
        self.assertIn("b.csv", self.switch.fetch_problem)
        self.assertTrue((self.folder / "b.csv").exists())
        # What cannot be put aside keeps no other out.
        self.assertIn("7", self._refs())
        (self.folder / "done").unlink()
        self._look()
        names = {path.name for path in (self.folder / "done").iterdir()}
        self.assertEqual(names, {"b.csv", "c.csv"})
        self.assertFalse(self.switch.fetch_problem)

    def test_what_comes_while_a_file_is_put_aside_is_read(self):
        """W41: by its name, or a link for its folder: neither goes unread, nor out."""
        self.switch.fetch_then = "move"
        original = folder._is_there

        def swap(name, *args):
            is_there = original(name, *args)
            if not swapped:
                swapped.append(self._put("a.csv", "2"))
                (self.folder / "done").rename(self.folder / "was")
                (self.folder / "done").symlink_to(self.outside.parent)
            return is_there

        swapped = []
        self._put("a.csv", "1")
        with patch.object(folder, "_is_there", swap):
            self._look(2)
        self.assertTrue(swapped)
        self.assertFalse((self.outside.parent / "a.csv").exists())
        (self.folder / "done").unlink()
        self._look(2)
        self.assertEqual(self._refs(), ["1", "2"])

    def test_many_files_that_stay_keep_none_waiting(self):
        """W41: those that were taken in take no time; what is left is done at once."""
        for name in "abc":
            self._put(f"{name}.csv", name)
        self._look(2)
        for name in "de":
            self._put(f"{name}.csv", name)
        self._look()
        told = []

        def commit(env, processed=0, remaining=None):
            env.flush_all()
            told.append(remaining)
            return not env["omni.billing.usage"].search_count([("ref", "=", "d")])

        module = "odoo.addons.omni_billing_usage.models.omni_billing_usage_fetch"
        with patch(f"{module}.commit_progress", commit):
            self._look()
        self.assertEqual(self._refs(), [*"abcd"])
        self.assertEqual(told[-1], told[0])
        self._look()
        self.assertEqual(self._refs(), [*"abcde"])

    def _add_rival(self, **values):
        with self.assertRaises(ValidationError) as caught:
            self._add_source("rival", kind="file", **values)
        self.assertIn("twice", str(caught.exception))

    @mute_logger("odoo.sql_db")
    def test_no_other_source_fetches_the_same(self):
        """W41: whatever each calls them; references are known within a source."""
        self.switch.fetch_pattern = False
        link = self.folder.parent / "link"
        link.symlink_to(self.folder)
        self._allow(self.folder, link)
        values = {"fetch_from": "folder", "fetch_folder": str(self.folder)}
        for pattern in ("*", False):
            with self.assertRaises(UniqueViolation):
                self._add_source("o", kind="file", **values, fetch_pattern=pattern)
        self._add_rival(**values, fetch_pattern="*.csv")
        self.switch.fetch_pattern = "calls_*"
        self._add_rival(**values | {"fetch_folder": str(link)})
        # What lies in a folder is of one company.
        company = self.env["res.company"].create({"name": "Other"})
        self._add_rival(**values, fetch_pattern="sms_*", company_id=company.id)
        other = self._add_source("o", kind="file", **values, fetch_pattern="sms_*")
        # Two at once may do what neither sees: then none is read.
        other.flush_recordset()
        self.env.cr.execute(
            "UPDATE omni_billing_usage_source SET fetch_pattern = 'c*' WHERE id = %s",
            [other.id],
        )
        self.env.invalidate_all()
        self._put("calls_1.csv", "1")
        self._look(2)
        self.assertIn("twice", other.fetch_problem)
        self.assertIn("twice", self.switch.fetch_problem)
        self.assertFalse(self._refs())
        values = {"sftp_host_key": "ssh-rsa x", "sftp_user": "u", "fetch_from": "sftp"}
        there = {"sftp_host": "example.com", "sftp_folder": "cdr"}
        self._add_source("s", kind="file", **values, **there, fetch_pattern="a*")
        for host, path in (("Example.com", "./cdr/"), ("example.com.", "/cdr")):
            self._add_rival(**values, sftp_host=host, sftp_folder=path)
        there["sftp_folder"] = "other"
        self._add_source("t", kind="file", **values, **there)

    def test_folders_may_be_of_a_company(self):
        """W41: of those that are open, as the configuration says."""
        company = self.env["res.company"].create({"name": "Other"})
        self._allow(f"{self.folder}/%c")
        for one in (company, self.company):
            Source = self.env["omni.billing.usage.source"].with_context(
                allowed_company_ids=one.ids
            )
            told = Source.fields_get(["fetch_folder"])["fetch_folder"]["selection"]
            path = f"{self.folder}/{one.id}"
            self.assertEqual(told, [(path, path)])
        with self.assertRaises(ValidationError):
            self._add_source(
                "o",
                kind="file",
                fetch_from="folder",
                fetch_folder=f"{self.folder}/{company.id}",
            )

    def test_file_that_cannot_be_read_keeps_no_other_out(self):
        """W41: it says why, a person is told, and it may be tried again."""
        (self.folder / "a.csv").write_text("No;Caller\n1;+33\n")
        (self.folder / "b.csv").symlink_to(self.outside)
        os.mkfifo(self.folder / "c.csv")
        (self.folder / "d.csv").write_bytes(b"")
        os.truncate(self.folder / "d.csv", places.MAX_BYTES + 1)
        (self.folder / os.fsdecode(b"e\xff.csv")).write_text("x")
        self._put("f.csv", "1")
        (self.folder / "folder.csv").mkdir()
        self._look(2)
        self.assertEqual(self._refs(), ["1"])
        failed = self.env["omni.billing.usage.arrival"].search(
            [("state", "=", "failed"), ("source_id", "=", self.switch.id)],
            order="name",
        )
        whys = ("no column", "is a link", "is a link", "100 MB", "name")
        for arrival, why in zip(failed, whys, strict=True):
            self.assertIn(why, arrival.reason)
        self.assertEqual(self.switch.failed_count, 5)
        self.assertEqual(self._watched(), (5, 5))
        self._look(2)
        self.assertEqual(set(failed.mapped("tries")), {1})
        # A manager settles it: mends what was wrong, or lets it be.
        first = failed[0].with_user(self.manager)
        with self.assertRaises(AccessError):
            failed[0].with_user(self.staff).action_try_again()
        self.switch.column_ids.filtered("title").unlink()
        self.switch.column_ids = [
            (0, 0, {"target": target, "value": value})
            for target, value in (
                ("ref", "one"),
                ("identifier", "+33"),
                ("time", "2026-11-30 14:05:00"),
                ("quantity", "1"),
            )
        ]
        first.action_try_again()
        self._look()
        self.assertEqual(first.state, "taken")
        self.assertEqual(self._refs(), ["1", "one"])
        action = first.action_open_batches()
        self.assertTrue(self.env[action["res_model"]].search(action["domain"]))
        (failed - first).with_user(self.manager).action_dismiss()
        self.assertEqual(self._watched(), (0, 0))
        self._look(2)
        self.assertEqual(self._refs(), ["1", "one"])

    def test_folder_of_a_host_that_is_down_has_no_file_set_aside(self):
        """W41: a folder of the network; one that alone cannot be read is told."""
        for name in "abc":
            self._put(f"{name}.csv", name)
        original = folder.FolderPlace._open

        def fail(place, entry):
            if entry.name in broken:
                raise OSError(errno.ESTALE, "Stale file handle")
            return original(place, entry)

        broken = {"a.csv", "b.csv", "c.csv"}
        with patch.object(folder.FolderPlace, "_open", fail):
            self._look(12)
            self.assertEqual({state for _name, state in self._files()}, {"waiting"})
            self.assertIn("Stale", self.switch.fetch_problem)
            self.assertEqual(self._watched(), (1, 0))
            # One of them keeps no other out, and is told once others were read.
            broken -= {"b.csv", "c.csv"}
            self._look(2)
            self.assertEqual(self._refs(), ["b", "c"])
            for number in range(3):
                self.assertEqual(self._files()[0], ("a.csv", "waiting"))
                self._put(f"d{number}.csv", f"{number}")
                self._look(2)
            self.assertEqual(self._files()[0], ("a.csv", "failed"))
            self._look()
            self.assertFalse(self.switch.fetch_problem)

    def test_file_that_has_gone_is_forgotten(self):
        self._put("a.csv", "1")
        self._put("b.csv", "2")
        self._look()
        (self.folder / "a.csv").unlink()
        self._look()
        self.assertEqual(self._files(), [("b.csv", "taken")])
        self.assertFalse(self.switch.fetch_problem)

    def test_names_that_others_have_are_left_alone(self):
        self.switch.fetch_pattern = "cdr_*.csv"
        self._put("notes.csv", "1")
        self._put("cdr_1.csv", "2")
        self._look(2)
        self.assertEqual(self._files(), [("cdr_1.csv", "taken")])

    @mute_logger("odoo.addons.omni_billing_usage.models.omni_billing_usage_fetch")
    def test_what_is_wrong_with_a_source_keeps_no_other_out(self):
        """W41: not an error of ours, either, and somebody is told."""
        self._put("a.csv", "1")
        self._look()
        with patch.object(folder.FolderPlace, "list_files", side_effect=TypeError):
            self._look()
        self.assertIn("TypeError", self.switch.fetch_problem)
        self.assertEqual(self._watched(), (1, 0))
        self._look()
        self.assertEqual(self._refs(), ["1"])
        self.assertFalse(self.switch.fetch_problem)

    @mute_logger("odoo.addons.omni_billing_usage.models.omni_billing_usage_fetch")
    def test_what_is_wrong_with_us_keeps_no_other_out(self):
        """W41: it is tried again, a few times, and then a person looks at it."""
        Source = self.registry["omni.billing.usage.source"]
        original = Source._take_in_file

        def break_down(self, name, *args, **kwargs):
            if name == "a.csv":
                raise RuntimeError
            return original(self, name, *args, **kwargs)

        self.patch(Source, "_take_in_file", break_down)
        self._put("a.csv", "1")
        self._put("b.csv", "2")
        self._look(2)
        self.assertEqual(self._files(), [("a.csv", "waiting"), ("b.csv", "taken")])
        self._look(4)
        self.assertEqual(self._files(), [("a.csv", "failed"), ("b.csv", "taken")])
        arrival = self.switch.arrival_ids.filtered(lambda one: one.state == "failed")
        self.assertIn("RuntimeError", arrival.reason)

    def test_folders_are_those_of_the_configuration(self):
        """W41: no path that a manager enters is read."""
        source = self.switch.with_user(self.manager)
        for path in (str(self.outside.parent), f"{self.folder}/..", False):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                source.fetch_folder = path
        self.env.invalidate_all()
        self._put("a.csv", "1")
        self._look()
        self._allow()
        self._look()
        self.assertIn("does not name", self.switch.fetch_problem)
        self.assertEqual(self._watched(), (1, 0))
        self._allow("/nowhere/%d", self.folder)
        self._look()
        self.assertFalse(self.switch.fetch_problem)
        self.assertEqual(self._refs(), ["1"])
        self.assertEqual(self._watched(), (0, 0))
        with Form(source) as form:
            self.assertEqual(form.fetch_folder, str(self.folder))
        # Where files of the server lie is told to managers alone.
        for user in (self.staff, self.reader, self.portal):
            told = self.switch.with_user(user).fields_get()
            self.assertNotIn("fetch_folder", told)
        [[name, _label]] = [
            one
            for one in source.fields_get(["fetch_folder"])["fetch_folder"]["selection"]
            if "nowhere" in one[0]
        ]
        self.assertEqual(name, f"/nowhere/{self.env.cr.dbname}")
        self.folder.rename(self.folder.parent / "elsewhere")
        action = source.action_fetch()
        self.assertEqual(action["res_model"], "omni.billing.usage.arrival")
        self.assertIn("No such file", self.switch.fetch_problem)
