"""Lay out a document; as a program, from a template that nobody vouches for.

Staff write templates, so a template is treated as hostile: it is expanded in Jinja's
sandbox, with plain values only, in a process of its own whose time and memory the
system limits. That process gets no environment, and imports nothing of Odoo.

    python -I pdf_worker.py < job.json > document.pdf

A fault is one line of JSON on the error output, and the exit status `FAULT`, or
`BROKEN`.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import logging
import mimetypes
import os
import posixpath
import re
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

_logger = logging.getLogger(__name__)

#: Host of the links in our documents: they resolve against it, but nothing of it is
#: ever fetched from a network. RFC 2606 keeps the domain free of owners.
BASE_URL = "http://static.invalid/"

#: The files of an addon that the whole world may read anyway.
STATIC_PATH = re.compile(r"/\w+/static/.")

#: Name of the template in tracebacks, by which its lines are found.
TEMPLATE_NAME = "<template>"

#: Exit status of a document that could not be made, with the reason told.
FAULT = 65
#: Exit status where no document can be made: WeasyPrint, or its libraries, are missing.
BROKEN = 66

MEGABYTE = 2**20
MAX_DOCUMENT = 5 * MEGABYTE  # F98
MAX_IMAGE = 5 * MEGABYTE
MAX_PIXELS = 25_000_000
MAX_REDIRECTS = 3
CONNECT_SECONDS = 5
IMAGE_SECONDS = 10
#: Of what a library says of itself.
MAX_REASON = 300
#: Images and fonts that are named as lost.
MAX_LOST = 10


class Fault(Exception):
    """The document cannot be made; ``line`` of the template, if one is to blame."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


# === TEMPLATE === #


def expand(source: str, variables: dict[str, Any]) -> str:
    """Fill a Jinja template with plain values (F84-F88).

    :raise Fault: with the line, and the name that is wrong (F101).
    """
    from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
    from jinja2.exceptions import UndefinedError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    )
    # The same values have to give the same document, which is kept.
    del environment.globals["lipsum"], environment.filters["random"]
    try:
        code = environment.compile(source, TEMPLATE_NAME, TEMPLATE_NAME)
        template = environment.template_class.from_code(
            environment, code, environment.make_globals(None)
        )
        return template.render(variables)
    except TemplateSyntaxError as error:
        raise Fault(error.message or "syntax error", error.lineno) from error
    except UndefinedError as error:
        raise Fault(error.message or "unknown variable", _find_line(error)) from error
    except TemplateError as error:
        raise Fault(str(error), _find_line(error)) from error
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        # Filters and operators raise whatever their operands make them raise.
        raise Fault(f"{type(error).__name__}: {error}", _find_line(error)) from error


def _find_line(error: BaseException) -> int | None:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == TEMPLATE_NAME]
    return lines[-1] if lines else None


# === FETCHING === #


def find_static(path: str, roots: Iterable[str]) -> Path:
    """Return the file of an addon that a path in URLs (``/addon/static/…``) names.

    :raise FileNotFoundError: if no addon has it.
    """
    for root in roots:
        file = Path(root) / path.lstrip("/")
        if file.is_file():
            return file
    raise FileNotFoundError(path)


def read_image(
    url: str,
    hosts: Iterable[str],
    resolve: Callable = socket.getaddrinfo,
    request: Callable | None = None,
) -> tuple[bytes, str]:
    """Fetch an image from a host that is allowed, and return it with its type.

    The address is looked up once, has to be a public one, and is the one that is
    connected to: a name that changes its mind (DNS rebinding) gains nothing. Each
    redirect is judged like the first URL.

    :raise ValueError: if it may not be fetched.
    """
    for _hop in range(MAX_REDIRECTS + 1):
        parts = urlsplit(url)
        host = parts.hostname or ""
        if (
            parts.scheme != "https"
            or host not in hosts
            or parts.port not in (None, 443)
        ):
            raise ValueError(f"{url[:200]} may not be fetched")
        address = find_public_address(host, 443, resolve)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        response = (request or _request)(address, host, target)
        if not 300 <= response.status < 400:
            return _read_response(response, url)
        url = urljoin(url, response.headers.get("Location", ""))
    raise ValueError(f"{url[:200]}: too many redirects")


def find_public_address(
    host: str, port: int, resolve: Callable = socket.getaddrinfo
) -> str:
    """Look a host up, once, and return the address that is to be connected to.

    :raise ValueError: if it has one that is not public, as of this machine or its
        network.
    :raise OSError: if it is not known.
    """
    found = resolve(host, port, type=socket.SOCK_STREAM)
    addresses = [information[4][0] for information in found]
    if not all(is_public(address) for address in addresses):
        raise ValueError(f"{host} is not a public address")
    return addresses[0]


def is_public(text: str) -> bool:
    """Whether an address is of the open Internet."""
    address = ipaddress.ip_address(text)
    return address.is_global and not address.is_multicast


def open_pool(address: str, host: str, port: int, connect: float, read: float):
    """Return urllib3's connections to an address that has the certificate of a host.

    :param connect: seconds to connect, and ``read`` to wait for more of an answer.
    """
    import urllib3

    return urllib3.HTTPSConnectionPool(
        address,
        port,
        server_hostname=host,
        assert_hostname=host,
        retries=False,
        timeout=urllib3.Timeout(connect=connect, read=read),
    )


def _request(address: str, host: str, target: str):
    pool = open_pool(address, host, 443, CONNECT_SECONDS, CONNECT_SECONDS)
    headers = {"Host": host, "Accept": "image/*", "Accept-Encoding": "identity"}
    return pool.request(
        "GET", target, headers=headers, redirect=False, preload_content=False
    )


def _read_response(response, url: str) -> tuple[bytes, str]:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status != 200 or not kind.startswith("image/"):
        raise ValueError(f"{url[:200]} is not an image ({response.status} {kind})")
    limit = time.monotonic() + IMAGE_SECONDS
    content = b""
    while chunk := response.read(65536, decode_content=False):
        content += chunk
        if len(content) > MAX_IMAGE or time.monotonic() > limit:
            raise ValueError(f"{url[:200]} is too large or too slow")
    return content, kind


def make_fetcher(roots: Iterable[str], hosts: Iterable[str] = ()):
    """Return what WeasyPrint fetches with; what is not allowed here is denied."""
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class Fetcher(URLFetcher):
        """Deny by default."""

        def fetch(self, url, headers=None):
            if url.startswith("data:"):
                return super().fetch(url, headers)
            try:
                content, kind = self._read(url)
            except (OSError, ValueError) as error:
                _logger.warning("A document asked for %s: refused.", url[:200])
                raise ValueError(str(error)) from error
            return URLFetcherResponse(url, content, headers={"Content-Type": kind})

        def _read(self, url):
            path = posixpath.normpath(unquote(urlsplit(url).path))
            if url.startswith(BASE_URL) and STATIC_PATH.match(path):
                kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
                return find_static(path, roots).read_bytes(), kind
            if urlsplit(url).hostname in hosts:
                return read_image(url, hosts)
            raise ValueError(f"{url[:200]} may not be fetched")

    return Fetcher()


# === LAYOUT === #


def find_problem() -> str:
    """Return what is wrong with WeasyPrint on this server, nothing if it works.

    The text is for who runs the server.
    """
    try:
        import weasyprint  # noqa: F401
    except MemoryError:
        raise
    except Exception as error:  # a package without Pango raises whatever it likes
        reason = f"{type(error).__name__}: {error}"
        return (
            "WeasyPrint, or Pango, which it uses, is missing on the server or broken."
            f" Whoever runs the server installs both. ({reason[:MAX_REASON]})"
        )
    return ""


def parse(source: str, fetcher):
    """Read HTML that anybody wrote: a parser in Python forgives all faults."""
    # Imported here: WeasyPrint loads Pango, which most processes never need.
    from weasyprint import HTML

    return HTML(string=source, base_url=BASE_URL, url_fetcher=fetcher)


def lay_out(
    source: str,
    fetcher,
    font_config=None,
    stylesheets=None,
    *,
    parse: Callable = parse,
    variant: str | None = None,
    files: Iterable[dict[str, str]] = (),
    metadata: str = "",
) -> bytes:
    """Turn a complete HTML document into a PDF.

    :param parse: what reads it.
    :param files: to attach, with ``name``, ``description`` and ``content`` (base64).
    :param metadata: ``rdf:Description`` elements that are added to the XMP packet.
    :raise Fault: if it cannot be laid out, or would be too large to be mailed.
    """
    from weasyprint import Attachment

    try:
        content = parse(source, fetcher).write_pdf(
            font_config=font_config,
            stylesheets=stylesheets,
            pdf_variant=variant,
            attachments=[
                Attachment(
                    string=base64.b64decode(file["content"]),
                    name=file["name"],
                    description=file["description"],
                    relationship="Data",
                )
                for file in files
            ],
            finisher=partial(_add_metadata, metadata.encode()) if metadata else None,
        )
    except (MemoryError, RecursionError):
        raise
    except Exception as error:
        # WeasyPrint names no base class for what a document can make it raise.
        raise Fault(str(error) or type(error).__name__) from error
    if len(content) > MAX_DOCUMENT:
        size = len(content) / MEGABYTE
        raise Fault(f"the PDF has {size:.1f} MB, more than 5: use smaller images")
    return content


def _add_metadata(descriptions: bytes, _document, pdf) -> None:
    """Put descriptions into the RDF of the XMP packet: one of two is not read."""
    packet = next(
        item
        for item in pdf.objects
        if getattr(item, "extra", {}).get("Type") == "/Metadata"
    )
    end = b"</rdf:RDF>"
    packet.stream = [part.replace(end, descriptions + end) for part in packet.stream]


class Lost(logging.Handler):
    """What a page shows and could not be loaded: WeasyPrint goes on without it."""

    KINDS = ("Failed to", "Font-face")

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def __enter__(self) -> Lost:
        logging.getLogger("weasyprint").addHandler(self)
        return self

    def __exit__(self, *_error) -> None:
        logging.getLogger("weasyprint").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message, once, of so many."""
        message = record.getMessage()[:MAX_REASON]
        is_new = message not in self.messages and len(self.messages) < MAX_LOST
        if message.startswith(self.KINDS) and is_new:
            self.messages.append(message)


# === PROGRAM === #


def main() -> int:
    """Read a job, write the PDF: see the top of the file."""
    job = json.load(sys.stdin.buffer)
    _limit(job["cpu_seconds"], job["memory_mb"])
    try:
        html = expand(job["source"], job["variables"])
        if not job["is_check"]:
            if problem := find_problem():
                return _tell(problem, status=BROKEN)
            _limit_images()
            fetcher = make_fetcher(job["roots"], job["hosts"])
            with Lost() as lost:
                sys.stdout.buffer.write(lay_out(html, fetcher, **job["options"]))
            if lost.messages:
                sys.stderr.write(json.dumps({"lost": lost.messages}) + "\n")
    except Fault as fault:
        return _tell(str(fault), fault.line)
    except MemoryError:
        return _tell("it needs too much memory")
    except RecursionError:
        return _tell("it is nested too deeply")
    return 0


def _limit(cpu_seconds: int, memory_mb: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    memory = memory_mb * MEGABYTE
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_images() -> None:
    from PIL import Image

    # Pillow refuses what has twice as many.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2


def _tell(message: str, line: int | None = None, status: int = FAULT) -> int:
    sys.stderr.write(json.dumps({"message": message, "line": line}) + "\n")
    return status


if __name__ == "__main__":
    # What WeasyPrint does not understand of a stylesheet is not our fault line.
    logging.lastResort = None
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Python would unload Pango, whose thread may still be looking for fonts, and crash.
    os._exit(code)
