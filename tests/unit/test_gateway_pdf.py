"""The renderer alone: what it lays out, and what it refuses to fetch."""

import io
import json
import logging
import random
import string
import subprocess
import sys
import time

import pytest
from pypdf import PdfReader

from odoo.addons.omni_billing.exceptions import RenderError
from odoo.addons.omni_billing.gateways import pdf, pdf_worker
from odoo.addons.omni_billing.gateways.pdf import (
    Document,
    File,
    WeasyPrintRenderer,
)

CSS = "@page { size: A4 } body { color: #123456 }"


@pytest.fixture
def addons(tmp_path):
    """Make a folder of addons with one style sheet, and files nobody may read."""
    static = tmp_path / "omni_billing" / "static"
    static.mkdir(parents=True)
    (static / "page.css").write_text(CSS)
    (tmp_path / "omni_billing" / "__manifest__.py").write_text("{}")
    return tmp_path


@pytest.fixture
def renderer(addons):
    return WeasyPrintRenderer([str(addons)])


def read_text(content):
    return "\n".join(
        page.extract_text() for page in PdfReader(io.BytesIO(content)).pages
    )


def test_renders_text_and_its_own_styles(renderer):
    page = (
        '<link rel="stylesheet" href="/omni_billing/static/page.css"><p>Invoice 42</p>'
    )
    content = renderer.render(Document(page))
    assert content.startswith(b"%PDF")
    assert "Invoice 42" in read_text(content)
    assert content != renderer.render(Document("<p>Invoice 42</p>"))
    styled = Document("<p>Invoice 42</p>", styles=("/omni_billing/static/page.css",))
    for _time in range(2):
        assert len(renderer.render(styled)) == len(content)


@pytest.mark.parametrize("gap", ["", " "])
def test_words_that_are_very_long_take_no_time(renderer, gap):
    """WeasyPrint looks at all that follows, for each line of a word without an end."""
    letters = string.ascii_letters
    words = ["".join(random.Random(n).choices(letters, k=60)) for n in range(500)]
    style = "<style>div { overflow-wrap: anywhere }</style>"
    text = gap.join(words)
    started = time.monotonic()
    content = renderer.render(Document(f"{style}<p>Before</p><div>{text}</div>"))
    assert time.monotonic() - started < 8
    assert "".join(words)[:500] in read_text(content).replace("\n", "").replace(" ", "")


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
def test_nothing_else_is_fetched(renderer, url, tag, caplog):
    with caplog.at_level(logging.WARNING):
        content = renderer.render(Document(f"{tag.format(url)}<p>Still here</p>"))
    assert "Still here" in read_text(content)
    assert "refused" in caplog.text


def test_data_urls_are_inline(renderer):
    pixel = (
        "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    )
    assert renderer.render(Document(f'<img src="{pixel}">')).startswith(b"%PDF")


def test_failure_is_typed(renderer, monkeypatch):
    def explode(_self, **_kwargs):
        raise ValueError("cannot lay out")

    monkeypatch.setattr("weasyprint.HTML.write_pdf", explode)
    with pytest.raises(RenderError, match="cannot lay out"):
        renderer.render(Document("<p>x</p>"))


def test_digest_is_of_all_that_shows():
    one = Document("<p>x</p>", {"a": 1})
    assert one.digest() == Document("<p>x</p>", {"a": 1}).digest()
    others = [
        Document("<p>y</p>", {"a": 1}),
        Document("<p>x</p>", {"a": 2}),
        Document("<p>x</p>"),
        Document("<p>x</p>", {"a": 1}, styles=("/a/static/b.css",)),
        Document("<p>x</p>", {"a": 1}, variant="pdf/a-3b"),
        Document("<p>x</p>", {"a": 1}, files=(File("x.xml", "", b"<x/>"),)),
    ]
    digests = {one.digest(), one.digest("fonts"), *(other.digest() for other in others)}
    assert len(digests) == 2 + len(others)


def test_file_inside(renderer):
    file = File("order.xml", "The order", b"<order/>")
    content = renderer.render(Document("<p>x</p>", files=(file,)))
    assert PdfReader(io.BytesIO(content)).attachments["order.xml"] == [b"<order/>"]


def test_program_ends_before_python_unloads_what_is_at_work():
    """One PDF in 150 was lost: a thread of Pango was looking for fonts still."""
    job = {
        "source": "<p>Invoice {{ number }}</p>",
        "variables": {"number": 42},
        "options": {"variant": None, "metadata": {}, "files": []},
        "roots": {},
        "hosts": [],
        "is_check": False,
        "cpu_seconds": 100,
        "memory_mb": 1500,
    }
    program = (
        "import atexit, runpy, sys;"
        "atexit.register(print, 'unloading', file=sys.stderr);"
        f"runpy.run_path({pdf_worker.__file__!r}, run_name='__main__')"
    )
    result = subprocess.run(
        [sys.executable, "-I", "-c", program],
        input=json.dumps(job).encode(),
        capture_output=True,
        check=True,
    )
    assert result.stderr == b""
    assert "Invoice 42" in read_text(result.stdout)


@pytest.mark.parametrize("variables", [None, {"number": 42}])
def test_weasyprint_that_is_missing_is_no_fault_of_the_page(
    renderer, variables, monkeypatch, tmp_path
):
    """Whoever asks for a PDF reads what to install, with an HTML template as well."""
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    code = (
        "import runpy, sys; sys.modules['weasyprint'] = None;"
        " runpy.run_path(sys.argv[1], run_name='__main__')"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -c "{code}" "$2"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(RenderError, match="WeasyPrint.*installs both") as failure:
        renderer.render(Document("<p>Invoice</p>", variables))
    assert type(failure.value) is RenderError


def test_version_of_weasyprint_that_nobody_knows(monkeypatch):
    """A document is known all the same: what cannot lay it out says so."""

    def version(package):
        raise pdf.PackageNotFoundError(package)

    pdf._get_engine.cache_clear()
    monkeypatch.setattr(pdf, "version", version)
    try:
        assert Document("<p>Invoice</p>").digest()
    finally:
        pdf._get_engine.cache_clear()
