"""WeasyPrint, with nothing of the server in reach."""

from __future__ import annotations

import logging
import mimetypes
import posixpath
import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from ..exceptions import RenderError

# One line for each step of each document is more than a server's log can bear.
logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)
_logger = logging.getLogger(__name__)

#: Host of the links in our documents: they resolve against it, but nothing of it is
#: ever fetched from a network. RFC 2606 keeps the domain free of owners.
BASE_URL = "http://static.invalid/"

#: The files of an addon that the whole world may read anyway.
STATIC_PATH = re.compile(r"/\w+/static/.")


@lru_cache(maxsize=1)
def _get_font_configuration():
    """Return the process's fonts; reading them is slow."""
    from weasyprint.text.fonts import FontConfiguration

    return FontConfiguration()


class WeasyPrintRenderer:
    """Turn HTML into PDF.

    :param read_static: returns the bytes of a file below an addon's ``static`` folder,
        given its path in URLs (``/addon/static/…``); raises an `OSError` if there is
        none. Nothing else can be fetched: no file, no network, only ``data:`` URLs.
    """

    def __init__(self, read_static: Callable[[str], bytes]) -> None:
        self._read_static = read_static

    def render(self, html: str) -> bytes:
        """Lay out a complete HTML document.

        :raise RenderError: if WeasyPrint cannot.
        """
        # Imported here: WeasyPrint loads Pango, which most workers never need.
        from weasyprint import HTML

        try:
            return HTML(
                string=html, base_url=BASE_URL, url_fetcher=self._make_fetcher()
            ).write_pdf(font_config=_get_font_configuration())
        except Exception as error:
            # WeasyPrint names no base class for what a document can make it raise.
            raise RenderError(str(error) or type(error).__name__) from error

    def _make_fetcher(self):
        from weasyprint.urls import URLFetcher, URLFetcherResponse

        read_static = self._read_static

        class StaticFetcher(URLFetcher):
            """Deny by default."""

            def fetch(self, url, headers=None):
                if url.startswith("data:"):
                    return super().fetch(url, headers)
                path = posixpath.normpath(unquote(urlsplit(url).path))
                if not url.startswith(BASE_URL) or not STATIC_PATH.match(path):
                    _logger.warning("A document asked for %s: refused.", url[:200])
                    raise ValueError(f"{url[:200]} may not be fetched")
                mimetype = mimetypes.guess_type(path)[0] or "application/octet-stream"
                return URLFetcherResponse(
                    url, read_static(path), headers={"Content-Type": mimetype}
                )

        return StaticFetcher()
