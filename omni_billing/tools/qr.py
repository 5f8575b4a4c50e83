"""QR codes."""

import base64
import io
from urllib.parse import parse_qs, urlsplit


def make_qr(text: str) -> str:
    """Return a QR code of a text as a ``data:`` URL of an SVG image, without margin."""
    import qrcode
    from qrcode.image.svg import SvgPathImage

    image = qrcode.make(text, image_factory=SvgPathImage, border=0)
    stream = io.BytesIO()
    image.save(stream)
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"


def make_qr_of(source: str) -> str:
    """Return a QR code as a ``data:`` URL, of what an addon of Odoo has for one.

    :param source: its text; or an image that Odoo drew; or the address of Odoo's that
        would draw it.
    """
    if source.startswith("data:"):
        return source
    if source.startswith("/report/barcode"):
        source = parse_qs(urlsplit(source).query)["value"][0]
    return make_qr(source)
