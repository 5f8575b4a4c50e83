"""Templates are hostile: what they may do, and what becomes of those that try more."""

import io
import socket
import ssl
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from pypdf import PdfReader

from odoo.addons.omni_billing.gateways import pdf, pdf_worker
from odoo.addons.omni_billing.gateways.pdf import (
    Document,
    TemplateError,
    WeasyPrintRenderer,
)

VARIABLES = {
    "client": {"name": "Ada"},
    "transactions": [{"title": "A"}, {"title": "B"}],
}


@pytest.fixture
def renderer(tmp_path):
    return WeasyPrintRenderer([str(tmp_path)])


@pytest.fixture
def short_limits(monkeypatch):
    monkeypatch.setattr(pdf, "CPU_SECONDS", 2)
    monkeypatch.setattr(pdf, "MEMORY_MB", 700)


def read_text(content):
    return "\n".join(
        page.extract_text() for page in PdfReader(io.BytesIO(content)).pages
    )


def test_loops_and_formats(renderer):
    """F86, F87"""
    source = (
        "{% for line in transactions %}<p>{{ line.title }}"
        ' {{ "%.2f"|format(1.5) }}</p>{% endfor %}'
    )
    text = read_text(renderer.render(Document(source, VARIABLES)))
    assert "A 1.50" in text and "B 1.50" in text


def read_places(content):
    """Return where each run of text of the first page begins, in points."""
    places = []

    def visit(operator, _operands, page, text):
        if operator in (b"Tj", b"TJ"):
            x = page[0] * text[4] + page[2] * text[5] + page[4]
            y = page[1] * text[4] + page[3] * text[5] + page[5]
            places.append((round(x), round(y)))

    PdfReader(io.BytesIO(content)).pages[0].extract_text(visitor_operand_before=visit)
    return places


def read_fonts(content):
    """Return the names of the fonts in use, and their sizes in points."""
    fonts = set()

    def visit(text, page, _matrix, font, size):
        if text.strip():
            name = font["/BaseFont"].partition("+")[2]
            fonts.add((name, round(size * abs(page[3]), 1)))

    PdfReader(io.BytesIO(content)).pages[0].extract_text(visitor_text=visit)
    return fonts


def test_page_styles_of_other_systems(renderer):
    """F96: sheet, margin, font, page breaks, what is not printed; tables wrap."""
    source = """
        <style>
            @page { size: A4; margin: 1cm }
            body { font: 10pt Arial, sans-serif; margin: 0 }
            p { margin: 0 }
            .no-print { display: none }
            .page-break { break-before: page }
            table { table-layout: fixed; width: 100%; word-wrap: break-word }
            table { border-spacing: 0 }
            td { padding: 4px }
        </style>
        <div class="no-print">Print this page</div>
        <p>First</p>
        <table><tr><td>Cell</td><td>{{ "m" * 99 }}</td></tr></table>
        <div class="page-break">Second</div>
    """
    content = renderer.render(Document(source, VARIABLES))
    pages = PdfReader(io.BytesIO(content)).pages
    words = [page.extract_text().split() for page in pages]
    assert words[0][:2] == ["First", "Cell"] and words[1] == ["Second"]
    assert "".join(words[0][2:]) == "m" * 99 and len(words[0]) > 4
    assert [round(float(side)) for side in pages[0].mediabox[2:]] == [595, 842]
    assert {size for _name, size in read_fonts(content)} == {10}
    # A margin of 1 cm is 28.3 points, a padding of 4 px is 3; columns share the rest.
    assert sorted({x for x, _y in read_places(content)}) == [28, 31, 301]


def test_flexbox(renderer):
    """F95: blocks that stand side by side."""
    blocks = "<div>Left</div><div>Right</div>"
    style = "<style>@page { size: A4 } .flex { display: flex; %s }</style>"
    ends = style % "justify-content: space-between"
    below, above = (
        read_places(renderer.render(Document(f"{ends}<div {kind}>{blocks}</div>", {})))
        for kind in ("", "class=flex")
    )
    assert below[0][0] == below[1][0] and below[0][1] > below[1][1]
    assert above[0][1] == above[1][1] and above[1][0] > above[0][0] + 300


def test_fonts_of_an_addon():
    """F95: @font-face."""
    [folder] = find_spec("odoo.addons.web").submodule_search_locations
    source = """<style>@font-face {
        font-family: House;
        src: url("/web/static/fonts/lato/Lato-Reg-webfont.ttf")
    } p { font-family: House }</style><p>Hello</p>"""
    renderer = WeasyPrintRenderer([str(Path(folder).parent)])
    [(name, _size)] = read_fonts(renderer.render(Document(source, {})))
    assert name == "House"


def test_scripts_do_nothing(renderer):
    """F95"""
    source = '<script>document.body.innerHTML = "scripted"</script><p>Written</p>'
    assert read_text(renderer.render(Document(source, {}))) == "Written"


@pytest.mark.parametrize(
    "before",
    [
        f'<img src="data:image/png;base64,{"A" * 12_000_000}">',
        "<s>" * 300 + "</s>" * 300,
    ],
    ids=["large image", "deep HTML"],
)
def test_own_pages_are_read_to_their_end(before):
    """A parser that gives up half-way would leave out what is to be paid."""
    source = f"<html><body><div>{before}</div><p>Still here</p></body></html>"
    root = pdf._parse_own(source, pdf_worker.make_fetcher([])).etree_element
    assert root.find("body/p").text == "Still here"


def test_values_are_text_not_markup(renderer):
    variables = {"title": "<script>alert(1)</script> & <b>bold</b>"}
    text = read_text(renderer.render(Document("<p>{{ title }}</p>", variables)))
    assert "<b>bold</b>" in text


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("<p>\n{{ client.nmae }}</p>", 2, "nmae"),
        ("{{ Client.name }}", 1, "Client"),
        ("<p>\n\n{% for x in %}", 3, "Expected an expression"),
        ("{{ client.name|nofilter }}", 1, "nofilter"),
        ("\n{{ 1 / 0 }}", 2, "division"),
        ("{% include 'other' %}", 1, "loader"),
        ("{{ lipsum() }}", 1, "lipsum"),
        ("{{ [1, 2]|random }}", 1, "random"),
    ],
)
def test_faults_name_line_and_variable(renderer, source, line, words):
    """F101"""
    for action in (
        lambda: renderer.check(source, VARIABLES),
        lambda: renderer.render(Document(source, VARIABLES)),
    ):
        with pytest.raises(TemplateError, match=words) as caught:
            action()
        assert caught.value.line == line


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ client.__init__.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ joiner.__init__.__globals__['__builtins__'].open('/etc/passwd').read() }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ (''|attr('__class__')).mro() }}",
        "{{ client['__class__']['__base__'] }}",
        "{{ ''['__cla' ~ 'ss__'] }}",
        "{{ '{0.__class__}'.format(client) }}",
        "{{ '%s'|format(client).__class__ }}",
        "{% set x = client.update({'name': 'Eve'}) %}",
        "{{ transactions.append(1) }}",
        "{{ (transactions|map(attribute='__class__')|list)[0] }}",
        "{{ request }}{{ env }}",
        "{% import 'os' as os %}",
        "{% extends '/etc/passwd' %}",
    ],
)
def test_server_is_out_of_reach(renderer, source):
    with pytest.raises(TemplateError):
        renderer.check(source, VARIABLES)


def test_environment_is_empty(renderer, monkeypatch):
    """A password of the server is not even in the process."""
    seen = {}
    monkeypatch.setenv("PGPASSWORD", "secret")
    original = pdf.subprocess.run
    monkeypatch.setattr(
        pdf.subprocess,
        "run",
        lambda *args, **kw: seen.update(kw) or original(*args, **kw),
    )
    renderer.check("<p>x</p>", VARIABLES)
    assert "PGPASSWORD" not in seen["env"]


@pytest.mark.usefixtures("short_limits")
@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}"
        "{% endfor %}{% endfor %}",
        "{{ 'a' * 10 ** 10 }}",
        "{% set n = namespace(x='a') %}{% for i in range(60) %}"
        "{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{{ '%9999999999d'|format(1) }}",
        "{{ 'x'|center(10 ** 10) }}",
        "{{ range(10 ** 9)|list }}",
        "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
        "{% endmacro %}{{ m(60) }}",
        "{{ '<div>' * 200000 }}",
        "{% for i in range(9) %}{% for j in range(99999) %}"
        "<table><tr><td>x</td></tr></table>{% endfor %}{% endfor %}",
    ],
)
def test_time_and_memory_are_bounded(renderer, source):
    with pytest.raises(TemplateError):
        renderer.render(Document(source, VARIABLES))


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="file:///etc/passwd">',
        '<img src="http://127.0.0.1/x.png">',
        '<img src="https://127.0.0.1/x.png">',
        '<img src="https://[::1]/x.png">',
        '<img src="https://169.254.169.254/latest/meta-data">',
        '<img src="https://images.example.com@127.0.0.1/x.png">',
        '<img src="https://127.0.0.1#@images.example.com/">',
        '<img src="ftp://images.example.com/x.png">',
        '<link rel="stylesheet" href="https://127.0.0.1/x.css">',
        '<link rel="attachment" href="file:///etc/passwd">',
        '<style>@import url("file:///etc/passwd");</style>',
        '<style>@font-face { font-family: x; src: url("file:///etc/passwd") }</style>',
        '<object data="file:///etc/passwd"></object>',
        "<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        '<base href="file:///etc/"><img src="passwd">',
        "<img src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'>"
        "<image href='file:///etc/passwd'/></svg>\">",
    ],
)
def test_pages_fetch_nothing(renderer, markup, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    fetcher = pdf_worker.make_fetcher([], ["images.example.com"])
    content = pdf_worker.lay_out(f"{markup}<p>Still here</p>", fetcher)
    assert "Still here" in read_text(content)
    assert "root:" not in read_text(content)
    assert not PdfReader(io.BytesIO(content)).attachments


def test_fetcher_is_the_same_for_templates(renderer):
    source = '<img src="file:///etc/passwd"><p>Still here</p>'
    assert "Still here" in read_text(renderer.render(Document(source, VARIABLES)))


class Response:
    def __init__(self, content=b"", status=200, kind="image/png", location=None):
        self.status = status
        self.headers = {"Content-Type": kind}
        if location:
            self.headers["Location"] = location
        self._body = io.BytesIO(content)

    def read(self, size, decode_content):
        assert not decode_content, "a compressed answer could grow without bound"
        return self._body.read(size)


HOSTS = ("images.example.com",)


def resolver(*addresses):
    def resolve(host, port, **_kwargs):
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    return resolve


def read(
    url="https://images.example.com/a.png?v=1", addresses=("93.184.216.34",), *answers
):
    answers = list(answers or [Response(b"png")])
    asked = []

    def request(address, host, target):
        asked.append((address, host, target))
        return answers.pop(0)

    result = pdf_worker.read_image(url, HOSTS, resolver(*addresses), request)
    return result, asked


def test_image_from_an_allowed_host():
    result, asked = read()
    assert result == (b"png", "image/png")
    # The address that was judged is the one that is connected to (DNS rebinding).
    assert asked == [("93.184.216.34", "images.example.com", "/a.png?v=1")]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.8",
        "192.168.1.1",
        "169.254.169.254",
        "::1",
        "fd00::1",
        "0.0.0.0",
        "100.64.0.1",
        "::ffff:127.0.0.1",
        "224.0.0.1",
    ],
)
def test_private_addresses_are_refused(address):
    with pytest.raises(ValueError, match="public"):
        read(addresses=("93.184.216.34", address))


@pytest.mark.parametrize(
    "location",
    [
        "http://images.example.com/a.png",
        "https://other.example.com/a.png",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "https://images.example.com:8443/",
    ],
)
def test_redirects_stay_inside(location):
    with pytest.raises(ValueError, match="may not be fetched"):
        read(
            "https://images.example.com/",
            ("93.184.216.34",),
            Response(status=302, location=location),
        )


def test_redirect_inside_is_followed_but_not_for_ever():
    turn = Response(status=302, location="/b.png")
    result, asked = read(
        "https://images.example.com/a", ("93.184.216.34",), turn, Response(b"b")
    )
    assert result[0] == b"b" and asked[1][2] == "/b.png"
    with pytest.raises(ValueError, match="too many"):
        read("https://images.example.com/a", ("93.184.216.34",), *[turn] * 9)


@pytest.mark.parametrize(
    "answer",
    [
        Response(b"x", kind="text/css"),
        Response(b"x", kind="text/html"),
        Response(b"x", status=404),
        Response(b"x" * (pdf_worker.MAX_IMAGE + 1)),
    ],
)
def test_only_images_of_a_bearable_size(answer):
    with pytest.raises(ValueError):
        read("https://images.example.com/a", ("93.184.216.34",), answer)


def test_connection_is_by_tls_to_the_name(tmp_path):
    """A server without a certificate of the host is not trusted."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    thread = threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True)
    thread.start()
    import urllib3

    original = urllib3.HTTPSConnectionPool
    made = {}

    def connect(address, _port, **options):
        made.update(options)
        return original(address, port, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urllib3, "HTTPSConnectionPool", connect)
        with pytest.raises((urllib3.exceptions.HTTPError, ssl.SSLError)):
            pdf_worker._request("127.0.0.1", "images.example.com", "/")
    listener.close()
    assert made["server_hostname"] == made["assert_hostname"] == "images.example.com"


def test_image_bomb():
    """A small file may be a large picture."""
    import zlib

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    side = 60_000
    header = side.to_bytes(4, "big") * 2 + b"\x01\x00\x00\x00\x00"
    row = b"\x00" * (1 + side // 8)
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    image += chunk(b"IDAT", zlib.compress(row * 2000)) + chunk(b"IEND", b"")
    import base64

    url = f"data:image/png;base64,{base64.b64encode(image).decode()}"
    content = WeasyPrintRenderer([]).render(
        Document(f'<img src="{url}"><p>Still here</p>', {})
    )
    assert "Still here" in read_text(content)
