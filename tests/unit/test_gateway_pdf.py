"""The renderer alone: what it lays out, and what it refuses to fetch."""

import io
import logging

import pytest
from pypdf import PdfReader

from odoo.addons.omni_billing.exceptions import RenderError
from odoo.addons.omni_billing.gateways.pdf import WeasyPrintRenderer

CSS = b"@page { size: A4 } body { color: #123456 }"


class StaticFiles:
    """Serves what it was given, and remembers what was asked for."""

    def __init__(self, **files):
        self.files = files
        self.asked = []

    def __call__(self, path):
        self.asked.append(path)
        return self.files[path.rsplit("/", 1)[-1].replace(".", "_")]


def read_text(content):
    return "\n".join(
        page.extract_text() for page in PdfReader(io.BytesIO(content)).pages
    )


def test_renders_text_and_its_own_styles():
    static = StaticFiles(page_css=CSS)
    content = WeasyPrintRenderer(static).render(
        '<link rel="stylesheet" href="/omni_billing/static/page.css"><p>Invoice 42</p>'
    )
    assert content.startswith(b"%PDF")
    assert "Invoice 42" in read_text(content)
    assert static.asked == ["/omni_billing/static/page.css"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:8069/web/database/manager",
        "http://169.254.169.254/latest/meta-data",
        "https://example.com/static/logo.png",
        "/etc/passwd",
        "/web/content/1",
        "ftp://example.com/static/x",
        "http://static.invalid@example.com/static/x",
        "/omni_billing/static/../security/ir.model.access.csv",
        "/omni_billing/static/%2e%2e/__manifest__.py",
    ],
)
@pytest.mark.parametrize("tag", ['<img src="{}">', '<link rel="stylesheet" href="{}">'])
def test_nothing_else_is_fetched(url, tag, caplog):
    static = StaticFiles()
    with caplog.at_level(logging.WARNING):
        content = WeasyPrintRenderer(static).render(
            f"{tag.format(url)}<p>Still here</p>"
        )
    assert "Still here" in read_text(content)
    assert static.asked == []
    assert "refused" in caplog.text


def test_data_urls_are_inline():
    pixel = (
        "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    )
    static = StaticFiles()
    assert WeasyPrintRenderer(static).render(f'<img src="{pixel}">').startswith(b"%PDF")


def test_failure_is_typed(monkeypatch):
    def explode(_self, **_kwargs):
        raise ValueError("cannot lay out")

    monkeypatch.setattr("weasyprint.HTML.write_pdf", explode)
    with pytest.raises(RenderError, match="cannot lay out"):
        WeasyPrintRenderer(StaticFiles()).render("<p>x</p>")
