"""PDF documents, by WeasyPrint, with nothing of the server in reach."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import logging
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lxml.etree import Element
from lxml.html import HTMLParser, document_fromstring

from ..exceptions import RenderError
from . import pdf_worker
from .pdf_worker import Fault

# One line for each step of each document is more than a server's log can bear.
logging.getLogger("weasyprint.progress").setLevel(logging.WARNING)

#: What a template may use. A page of 10,000 lines takes 40 seconds and 600 MB.
CPU_SECONDS = 100
MEMORY_MB = 2048
#: Of wall time: a template may wait for images too.
WAIT_SECONDS = 80

#: Characters of a text that takes WeasyPrint long, if its words do not end.
ENDLESS = 1000
#: A word that does not end soon. Between letters of China or Thailand a line ends, too.
LONG_WORD = re.compile("[!-\u0dff]{40}")
#: What is laid out together: a few lines, until the end of a word if there is one.
PIECE = re.compile(r".{1,200}(?!\S)|.{1,200}", re.DOTALL)


@dataclass(frozen=True)
class File:
    """A file inside the PDF."""

    name: str
    description: str
    content: bytes


@dataclass(frozen=True)
class Document:
    """All that a PDF is made of, and nothing else.

    :param source: a complete HTML document; with ``variables``, a Jinja template.
    :param variables: plain values (JSON) for the template.
    :param styles: paths in URLs of static style sheets: each is read once a process.
    :param variant: PDF variant, like ``pdf/a-3b``.
    :param files: attached to the PDF.
    :param metadata: ``rdf:Description`` elements that are added to the XMP packet.
    """

    source: str
    variables: dict[str, Any] | None = None
    styles: Sequence[str] = ()
    variant: str | None = None
    files: Sequence[File] = ()
    metadata: str = ""

    def digest(self, *others: str) -> str:
        """Return a SHA-256 of all that shows; ``others`` are other things that do."""
        values = asdict(self) | {"others": others, "engine": _get_engine()}
        encoded = json.dumps(values, sort_keys=True, default=_encode).encode()
        return hashlib.sha256(encoded).hexdigest()


def _encode(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=1)
def _get_engine() -> str:
    try:
        return f"weasyprint {version('weasyprint')} pydyf {version('pydyf')}"
    except PackageNotFoundError:
        # Who lays a document out says so.
        return "weasyprint"


@lru_cache(maxsize=1)
def _get_font_configuration():
    """Return the process's fonts; reading them is slow."""
    from weasyprint.text.fonts import FontConfiguration

    # It cleans up after itself with modules that are gone when Python ends.
    atexit.register(_get_font_configuration.cache_clear)
    return FontConfiguration()


def _parse_own(source: str, fetcher):
    """Read a page of ours: QWeb writes no faulty HTML, so lxml's quick parser will do.

    It takes a tenth of the time of WeasyPrint's parser, which is written in Python.
    """
    from cssselect2 import ElementWrapper

    page = pdf_worker.parse("", fetcher)
    parser = HTMLParser(
        encoding="utf-8",
        remove_blank_text=True,
        remove_comments=True,
        # Else all that follows a logo of 10 MB, or deep HTML, is dropped in silence.
        huge_tree=True,
    )
    root = document_fromstring(source.encode(), parser=parser)
    _break_endless(root)
    page.wrapper_element = ElementWrapper.from_html_root(root, content_language=None)
    page.etree_element = root
    return page


def _break_endless(root) -> None:
    """Break long texts whose words do not fit on a line.

    For each line of such a word WeasyPrint looks at all that follows: 100,000 letters
    that somebody pasted, or a customer wrote into an address, took nine minutes.
    """
    for element in list(root.iter("*")):
        if element.tag == "style":
            continue
        element.text, breaks = _break_text(element.text)
        element[:0] = breaks
        if element is not root:
            element.tail, breaks = _break_text(element.tail)
            for number, line in enumerate(breaks, element.getparent().index(element)):
                element.getparent().insert(number + 1, line)


def _break_text(text: str | None) -> tuple[str | None, list]:
    """Return a text until its first break, and the breaks with what follows each."""
    if not text or len(text) < ENDLESS or not LONG_WORD.search(text):
        return text, []
    first, *others = PIECE.findall(text)
    breaks = [Element("br") for _other in others]
    for line, other in zip(breaks, others, strict=True):
        line.tail = other
    return first, breaks


@lru_cache(maxsize=32)
def _read_style(path: str, roots: tuple[str, ...]):
    """Return a parsed style sheet; its fonts join those of the process."""
    from weasyprint import CSS

    return CSS(
        string=pdf_worker.find_static(path, roots).read_text(),
        base_url=pdf_worker.BASE_URL,
        url_fetcher=pdf_worker.make_fetcher(roots),
        font_config=_get_font_configuration(),
    )


class TemplateError(RenderError):
    """A template is wrong; ``line`` says where, if it is known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class WeasyPrintRenderer:
    """Turn documents into PDF.

    :param roots: the folders that hold addons; of these only ``<addon>/static`` is
        read. Nothing else can be fetched: no file, no network, only ``data:`` URLs.
    :param hosts: names of hosts whose images a template may show, by https.
    """

    def __init__(self, roots: Sequence[str], hosts: Sequence[str] = ()) -> None:
        self._roots = tuple(roots)
        self._hosts = list(hosts)

    def render(self, document: Document) -> bytes:
        """Lay a document out.

        :raise TemplateError: if its template is wrong.
        :raise RenderError: if WeasyPrint cannot, or is missing, or it takes too much.
        """
        return self.try_out(document)[0]

    def try_out(self, document: Document) -> tuple[bytes, list[str]]:
        """Lay a document out; return what it shows and could not be loaded as well.

        The page is made all the same, without these images and fonts.

        :raise RenderError: as `render` does.
        """
        if document.variables is not None:
            return self._run(document)
        with pdf_worker.Lost() as lost:
            return self._lay_out(document), lost.messages

    def _lay_out(self, document: Document) -> bytes:
        if problem := pdf_worker.find_problem():
            raise RenderError(problem)
        try:
            return pdf_worker.lay_out(
                document.source,
                pdf_worker.make_fetcher(self._roots),
                _get_font_configuration(),
                [_read_style(path, self._roots) for path in document.styles],
                parse=_parse_own,
                **_get_options(document),
            )
        except Fault as fault:
            raise RenderError(str(fault)) from fault

    def check(self, source: str, variables: dict[str, Any]) -> None:
        """Try a template without laying it out.

        :raise TemplateError: if it is wrong.
        :raise RenderError: if it takes too much.
        """
        self._run(Document(source, variables), is_check=True)

    def _run(
        self, document: Document, is_check: bool = False
    ) -> tuple[bytes, list[str]]:
        job = {
            "source": document.source,
            "variables": document.variables,
            "options": _get_options(document),
            "roots": self._roots,
            "hosts": self._hosts,
            "is_check": is_check,
            "cpu_seconds": CPU_SECONDS,
            "memory_mb": MEMORY_MB,
        }
        try:
            result = subprocess.run(
                [sys.executable, "-I", pdf_worker.__file__],
                input=json.dumps(job).encode(),
                capture_output=True,
                # Nothing of the server's environment: it may hold passwords.
                env={"LANG": "C.UTF-8"},
                timeout=WAIT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TemplateError("it takes too long") from error
        if result.returncode == 0:
            told = result.stderr.splitlines()[-1:]
            is_lost = told and told[0].startswith(b'{"lost"')
            return result.stdout, json.loads(told[0])["lost"] if is_lost else []
        if result.returncode == pdf_worker.FAULT:
            fault = json.loads(result.stderr.splitlines()[-1])
            raise TemplateError(fault["message"], fault["line"])
        if result.returncode == pdf_worker.BROKEN:
            raise RenderError(json.loads(result.stderr.splitlines()[-1])["message"])
        # The system stopped it: by the limit of time, or of memory.
        raise TemplateError("it takes too much time or memory")


def _get_options(document: Document) -> dict[str, Any]:
    return {
        "variant": document.variant,
        "metadata": document.metadata,
        "files": [
            {
                "name": file.name,
                "description": file.description,
                "content": base64.b64encode(file.content).decode(),
            }
            for file in document.files
        ],
    }
