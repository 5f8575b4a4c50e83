from contextlib import suppress
from pathlib import Path

from odoo import api, models

from ...tools.disk import is_disk_full


class IrAttachment(models.Model):
    """A file that a full disk cut short is no file."""

    _inherit = "ir.attachment"

    @api.model
    def _file_write(self, bin_value, checksum):
        """Take away what a full disk left of a file.

        Odoo names files by what is in them. It would take the rest for another one of
        that name, and refuse the same page whenever it is made again.
        """
        try:
            return super()._file_write(bin_value, checksum)
        except OSError as error:
            path = self._full_path(f"{checksum[:2]}/{checksum}")
            if is_disk_full(error):
                with suppress(OSError):  # the folder could not be made, either
                    if not self._same_content(bin_value, path):
                        Path(path).unlink()
            raise
