import io
import os
import tracemalloc
import zipfile
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.omni_billing.controllers.bulk_download import BulkDownloadController

from .common import BillingCommon
from .http_common import PatientHttpCase

MEGABYTE = 2**20


@tagged("post_install", "-at_install")
class TestBulkDownload(BillingCommon, PatientHttpCase):
    """F7, F103, W45: many invoices as one file, one in memory at a time."""

    def setUp(self):
        super().setUp()
        self.invoices = self.env["account.move"].concat(
            *(self._bill(self._create_transaction(amount)) for amount in (45, 50, 55))
        )
        self.user = self._create_user(
            "bulk-manager", "omni_billing.omni_billing_group_manager"
        )
        bulks = self.env["omni.billing.bulk"].with_user(self.user)
        self.bulk = bulks.create(
            {"operation": "download", "invoice_ids": self.invoices.ids}
        )

    def _get(self, kind="zip"):
        self.authenticate("bulk-manager", "bulk-manager")
        return self.url_open(f"/billing/bulk/{self.bulk.id}/invoices.{kind}")

    def _read(self):
        """Return the files of the archive, by name."""
        response = self._get()
        self.assertEqual(response.status_code, 200)
        self.assertEqual(int(response.headers["Content-Length"]), len(response.content))
        archive = zipfile.ZipFile(io.BytesIO(response.content))
        self.assertIsNone(archive.testzip())
        return {name: archive.read(name) for name in archive.namelist()}

    def _lose(self, number):
        """Lose a file, as a filestore that was not restored has."""
        files = (
            self.env["ir.attachment"]
            .sudo()
            .search(
                [("res_model", "=", self.bulk._name), ("res_id", "=", self.bulk.id)],
                order="id",
            )
        )
        self.env.cr.execute(
            "UPDATE ir_attachment SET store_fname = NULL, db_datas = NULL"
            " WHERE id = %s",
            [files[number].id],
        )
        self.env.invalidate_all()
        return self.invoices[number]

    def test_archive_has_each_invoice(self):
        self.bulk.run_step(self.invoices.ids)
        files = self._read()
        self.assertEqual(len(files), 3)
        self.assertTrue(all(data.startswith(b"%PDF") for data in files.values()))

    def test_one_document_has_each_invoice(self):
        self.bulk.run_step(self.invoices.ids)
        response = self._get("pdf")
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertTrue(response.content.startswith(b"%PDF"))

    def test_file_that_is_lost_is_made_again(self):
        self.bulk.run_step(self.invoices.ids)
        self._lose(1)
        files = self._read()
        self.assertTrue(all(data.startswith(b"%PDF") for data in files.values()))

    @mute_logger("odoo.http")
    def test_who_asks_learns_which_invoice_fails(self):
        self.bulk.run_step(self.invoices.ids)
        invoice = self._lose(2)

        def fail(move):
            raise UserError(str(move.id))

        with patch.object(type(invoice), "_billing_get_pdf", fail):
            response = self._get()
        self.assertNotEqual(response.status_code, 200)
        self.assertIn(invoice.name, response.text)

    def test_one_file_is_in_memory_at_a_time(self):
        """The archive of forty takes no more than one of them, and a buffer."""
        self.env["ir.attachment"].with_user(self.user).create(
            [
                {
                    "name": f"{number}.pdf",
                    "raw": os.urandom(MEGABYTE),
                    "mimetype": "application/pdf",
                    "res_model": self.bulk._name,
                    "res_id": self.bulk.id,
                }
                for number in range(40)
            ]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        tracemalloc.start()
        try:
            with BulkDownloadController()._zip(self.bulk._get_files()) as archive:
                _now, peak = tracemalloc.get_traced_memory()
                self.assertEqual(len(zipfile.ZipFile(archive).namelist()), 40)
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 5 * MEGABYTE)
