"""What each endpoint takes, read as strictly as Stripe reads it.

Sources: Stripe's pages "Request bodies", "Metadata", "Expanding responses" of the API
reference, and "Error codes" (``parameter_unknown``, ``parameter_missing`` and so on).
Forms write trees as ``card[number]``, and lists as ``expand[]`` or ``expand[0]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from .currencies import NOT_TAKEN
from .errors import RefusedError

Reader = Callable[[Any, str], Any]

MAX_STRING = 5000
MAX_METADATA_KEYS = 50
MAX_METADATA_KEY = 40
MAX_METADATA_VALUE = 500


class Required:
    """A parameter without which the endpoint does nothing."""

    def __init__(self, reader: Reader) -> None:
        self.read = reader


class Since:
    """A parameter that versions before a date do not know."""

    def __init__(self, date: str, reader: Reader) -> None:
        self.date = date
        self.read = reader


class Until:
    """A parameter that versions from a date on refuse, with a code of its own."""

    def __init__(self, date: str, reader: Reader, code: str) -> None:
        self.date = date
        self.read = reader
        self.code = code


def parse_form(text: str) -> dict[str, Any]:
    """Read a form as a tree; which of its branches are lists, the endpoint knows."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        first, *inner = [key.split("[", 1)[0], *re.findall(r"\[([^\]]*)\]", key)]
        _place(tree, [first, *inner], value)
    return tree


def _place(tree: dict[str, Any], names: list[str], value: str) -> None:
    for name in names[:-1]:
        branch = tree.setdefault(name, {})
        if not isinstance(branch, dict):
            raise RefusedError(400, f"Invalid hash: {name}", param=name)
        tree = branch
    tree[names[-1] or str(len(tree))] = value


def check(
    accepted: dict[str, Reader | Required | Since | Until],
    given: dict[str, Any],
    version: str,
) -> dict:
    """Read all parameters of a request, or refuse it by the name of the first bad one.

    Source: error codes ``parameter_unknown`` and ``parameter_missing``; for those that
    came or went with a version, the API changelog.
    """
    accepted = {
        name: reader
        for name, reader in accepted.items()
        if not (isinstance(reader, Since) and version < reader.date)
    }
    for name, reader in accepted.items():
        if isinstance(reader, Until) and version >= reader.date and name in given:
            raise RefusedError(
                400,
                f"The parameter `{name}` is no longer supported in this API version.",
                code=reader.code,
                param=name,
            )
    values = _read_fields(accepted, given, "")
    for name, reader in accepted.items():
        if isinstance(reader, Required) and name not in values:
            raise RefusedError(
                400,
                f"Missing required param: {name}.",
                code="parameter_missing",
                param=name,
            )
    return values


def _read_fields(accepted: dict, given: dict[str, Any], inside: str) -> dict:
    unknown = [_path(inside, name) for name in given if name not in accepted]
    if unknown:
        noun = "parameters" if len(unknown) > 1 else "parameter"
        raise RefusedError(
            400,
            f"Received unknown {noun}: {', '.join(unknown)}",
            code="parameter_unknown",
            param=unknown[0],
        )
    return {
        name: getattr(accepted[name], "read", accepted[name])(
            value, _path(inside, name)
        )
        for name, value in given.items()
    }


def _path(inside: str, name: str) -> str:
    return f"{inside}[{name}]" if inside else name


def string(value: Any, name: str) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise RefusedError(400, f"Invalid string: {value}", param=name)
    return text_of(MAX_STRING)(value, name)


def address(value: Any, name: str) -> str:
    """Read a web address, which is a whole one. Source: code ``url_invalid``."""
    if not re.match(r"https?://[^/\s]+", string(value, name)):
        raise RefusedError(
            400,
            "Invalid URL: An explicit scheme (such as https) must be provided.",
            code="url_invalid",
            param=name,
        )
    return value


def text_of(length: int) -> Reader:
    """Make a reader of short texts."""

    def read(value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise RefusedError(400, f"Invalid string: {value}", param=name)
        if len(value) > length:
            raise RefusedError(
                400,
                f"Invalid string: {value[:10]}…; must be at most {length} characters",
                code="parameter_invalid_string",
                param=name,
            )
        return value

    return read


def email(value: Any, name: str) -> str:
    """Read an address, which may be empty to unset it."""
    value = string(value, name)
    if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise RefusedError(
            400, f"Invalid email address: {value}", code="email_invalid", param=name
        )
    return value


def currency(value: Any, name: str) -> str:
    """Read a currency: three letters, of one that Stripe takes."""
    value = _filled(value, name).lower()
    if not re.fullmatch("[a-z]{3}", value) or value in NOT_TAKEN:
        raise RefusedError(400, f"Invalid currency: {value}.", param=name)
    return value


def identifier(value: Any, name: str) -> str:
    """Read the id of an object, which cannot be empty."""
    return _filled(value, name)


def integer(value: Any, name: str) -> int:
    """Read a whole number."""
    text = _filled(value, name)
    if not re.fullmatch("-?[0-9]{1,18}", text):
        raise RefusedError(
            400,
            f"Invalid integer: {text}",
            code="parameter_invalid_integer",
            param=name,
        )
    return int(text)


def integer_from(minimum: int, maximum: int | None = None) -> Reader:
    """Make a reader of whole numbers with bounds."""

    def read(value: Any, name: str) -> int:
        number = integer(value, name)
        bound = "greater" if number < minimum else "less"
        if number < minimum or (maximum is not None and number > maximum):
            limit = minimum if number < minimum else maximum
            raise RefusedError(
                400,
                f"This value must be {bound} than or equal to {limit}.",
                code="parameter_invalid_integer",
                param=name,
            )
        return number

    return read


def boolean(value: Any, name: str) -> bool:
    """Read true or false, written in small or in capital letters."""
    text = _filled(value, name).lower()
    if text not in ("true", "false"):
        raise RefusedError(400, f"Invalid boolean: {value}", param=name)
    return text == "true"


def choice(*options: str) -> Reader:
    """Make a reader of one of some words."""

    def read(value: Any, name: str) -> str:
        text = _filled(value, name)
        if text not in options:
            raise RefusedError(
                400,
                f"Invalid {name}: must be one of {', '.join(options)}",
                param=name,
            )
        return text

    return read


def either(first: Reader, second: Reader) -> Reader:
    """Make a reader that reads the second way what it cannot read the first way."""

    def read(value: Any, name: str) -> Any:
        try:
            return first(value, name)
        except RefusedError:
            return second(value, name)

    return read


def array(reader: Reader) -> Reader:
    """Make a reader of lists; an empty text is an empty list."""

    def read(value: Any, name: str) -> list:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(key.isdigit() for key in value):
            raise RefusedError(400, f"Invalid array: {value}", param=name)
        keys = sorted(value, key=int)
        return [reader(value[key], f"{name}[{key}]") for key in keys]

    return read


def hash_of(**fields: Reader) -> Reader:
    """Make a reader of trees in which only some names may stand."""

    def read(value: Any, name: str) -> dict:
        if value == "":
            return {}
        if not isinstance(value, dict):
            raise RefusedError(
                400,
                f"Invalid object: {value}",
                code="parameter_invalid_empty" if not value else None,
                param=name,
            )
        return _read_fields(fields, value, name)

    return read


def complete(reader: Reader, *required: str) -> Reader:
    """Make a reader of hashes that are checked as a whole as soon as one part is sent.

    Sources: error codes ``parameter_missing`` and ``parameter_invalid_empty``, and
    "shipping" of the PaymentIntent, whose name and street are required.
    """

    def read(value: Any, name: str) -> dict:
        values = reader(value, name)
        for part in required:
            if part not in values:
                where = _path(name, part)
                message = f"Missing required param: {where}."
                code = "parameter_missing"
                raise RefusedError(400, message, code=code, param=where)
        for part in values:
            if values[part] == "":
                where = _path(name, part)
                raise RefusedError(
                    400,
                    f"You passed an empty string for '{where}'. We assume empty values "
                    f"are an attempt to unset a parameter; however '{where}' cannot be "
                    "unset.",
                    code="parameter_invalid_empty",
                    param=where,
                )
        return values

    return read


def metadata(value: Any, name: str) -> dict[str, str]:
    """Read up to 50 pairs; an empty value removes a key, an empty whole all of them."""
    if value == "":
        return {"": ""}
    if not isinstance(value, dict):
        raise RefusedError(400, "Metadata must be a hash", param=name)
    if len(value) > MAX_METADATA_KEYS:
        raise RefusedError(400, "Metadata can have up to 50 keys.", param=name)
    for key, text in value.items():
        if not isinstance(text, str):
            raise RefusedError(
                400, "Metadata values must be strings", param=f"{name}[{key}]"
            )
        if len(key) > MAX_METADATA_KEY or len(text) > MAX_METADATA_VALUE:
            raise RefusedError(
                400,
                "Metadata keys can be up to 40 characters long, values up to 500.",
                param=f"{name}[{key}]",
            )
    return value


def merged(before: dict[str, str], changes: dict[str, str] | None) -> dict[str, str]:
    """Change metadata key by key, as an update does."""
    if changes == {"": ""}:
        return {}
    both = {**before, **(changes or {})}
    return {key: value for key, value in both.items() if value != ""}


def _filled(value: Any, name: str) -> str:
    if value == "":
        raise RefusedError(
            400,
            f"You passed an empty string for '{name}'. We assume empty values are an "
            f"attempt to unset a field; however '{name}' cannot be unset. You should "
            f"remove '{name}' from your request or supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    if not isinstance(value, str):
        raise RefusedError(400, f"Invalid value for {name}", param=name)
    return value


ADDRESS = hash_of(
    city=string,
    country=string,
    line1=string,
    line2=string,
    postal_code=string,
    state=string,
)
SHIPPING = complete(
    hash_of(
        address=complete(ADDRESS, "line1"),
        carrier=string,
        name=string,
        phone=string,
        tracking_number=string,
    ),
    "address",
    "name",
)
LIST = {
    "limit": integer_from(1, 100),
    "starting_after": identifier,
    "ending_before": identifier,
}
CREATED = either(integer, hash_of(gt=integer, gte=integer, lt=integer, lte=integer))
