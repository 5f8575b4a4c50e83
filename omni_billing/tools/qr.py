"""QR codes."""

import base64
import io


def make_qr(text: str) -> str:
    """Return a QR code of a text as a ``data:`` URL of an SVG image, without margin."""
    import qrcode
    from qrcode.image.svg import SvgPathImage

    image = qrcode.make(text, image_factory=SvgPathImage, border=0)
    stream = io.BytesIO()
    image.save(stream)
    return f"data:image/svg+xml;base64,{base64.b64encode(stream.getvalue()).decode()}"
