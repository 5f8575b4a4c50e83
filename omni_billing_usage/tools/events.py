"""Events of usage as they are sent, and what is wrong with those that cannot be read.

An event is an object:

- ``ref``: by which its source knows it; sent again, it is the same event.
- ``meter``: the code of what is counted.
- ``identifier``: a number, SIM or badge; or ``service``: the id of a service.
- ``time``: ISO 8601 with the offset of its zone. Without an offset, ``zone`` says by
  its name of the IANA whose clock it is, or else the source does; of a time that such a
  clock shows twice, ``fold`` says whether it is the second (1) or not (0).
- ``quantity``: zero or more, up to 12 decimals; of a duration, seconds.
- ``dimensions``: names and values that its price may go by.

Nothing is guessed: what may mean two things is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

KEYS = frozenset(
    {
        *("ref", "meter", "identifier", "service", "time", "zone", "fold"),
        *("quantity", "dimensions"),
    }
)
#: Characters of a reference, a code, an identifier, a value of a dimension.
MAX_TEXT = 128
MAX_DIMENSIONS = 20
#: Greatest id of a record.
MAX_ID = 2**31 - 1
#: Bytes of a digest: two events that differ have the same one never, in practice.
DIGEST_SIZE = 16
#: So many characters of what cannot be read are told.
MAX_SHOWN = 60
#: Numbers as they are written, and most digits of a whole part.
NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,12})?", re.ASCII)
MAX_NUMBER = 10**15
TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,6}))?)?"
    r" ?(?:([Zz])|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
#: Names of what a price may go by.
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class UnreadableError(ValueError):
    """An event cannot be read.

    :param reason: what of it is wrong: one of the keys above, ``shape``, ``zone``,
        ``twice`` or ``never`` (a time that a clock shows twice, or jumps over).
    :param detail: what was sent.
    """

    def __init__(self, reason: str, detail: Any = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = show(detail)


class Event(NamedTuple):
    """What an event says.

    :param moment: in UTC, without a zone, as the database keeps it.
    :param zone: the name, or the offset, that it came with.
    :param quantity: none where it said none.
    :param digest: the same for events that say the same, however they write it.
    """

    ref: str
    meter: str
    service: int | None
    identifier: str | None
    moment: datetime
    zone: str
    quantity: Decimal | None
    dimensions: dict[str, str]
    digest: bytes


def read_event(raw: Any, zone: str = "") -> Event:
    """Read an event.

    :param raw: as JSON has it.
    :param zone: whose clock times without one are of; none: such are refused.
    :raise UnreadableError: if it cannot be read, or may mean two things.
    """
    if not isinstance(raw, Mapping):
        raise UnreadableError("shape", raw)
    if unknown := raw.keys() - KEYS:
        raise UnreadableError("shape", ", ".join(sorted(map(str, unknown))))
    ref = _read_text(raw, "ref")
    meter = _read_text(raw, "meter")
    service, identifier = _read_owner(raw)
    moment, zone = _read_time(raw, zone)
    quantity = read_quantity(raw.get("quantity"))
    dimensions = _read_dimensions(raw.get("dimensions"))
    said = [
        *(meter, service, identifier, moment.isoformat()),
        # Of what counts one, none said is one; of all else, it is refused.
        format((Decimal(1) if quantity is None else quantity).normalize(), "f"),
        sorted(dimensions.items()),
    ]
    digest = blake2b(json.dumps(said).encode(), digest_size=DIGEST_SIZE).digest()
    return Event(
        ref, meter, service, identifier, moment, zone, quantity, dimensions, digest
    )


def write_raw(raw: Any) -> tuple[str, str]:
    """Return what was sent as text that a database keeps, and a digest of it in hex.

    :func:`read_raw` gives the same back, whatever it was; but for what JSON cannot
    have, as a number of thousands of digits: of that, what is told of it.
    """
    try:
        text = _write_json(raw)
    except (TypeError, ValueError, OverflowError, RecursionError):
        said = raw.items() if isinstance(raw, Mapping) else [("", raw)]
        text = _write_json({_tell(name): _tell(value) for name, value in said})
    # Half of a character becomes the escape that JSON has for it.
    encoded = text.encode("utf-8", "backslashreplace")
    digest = blake2b(encoded, digest_size=DIGEST_SIZE).hexdigest()
    return encoded.decode(), digest


def read_raw(text: str) -> Any:
    """Return what was sent."""
    try:
        return json.loads(text)
    except RecursionError:
        # No event is as deep: the text is none, either.
        return text


def find_ref(raw: Any) -> str | None:
    """Return the reference of an event that cannot be read, if that can."""
    try:
        return _read_text(raw, "ref") if isinstance(raw, Mapping) else None
    except UnreadableError:
        return None


def show(value: Any) -> str:
    """Return a value as it is told: short, and fit for any log."""
    if value is None:
        return ""
    try:
        text = ascii(value)[1:-1] if isinstance(value, str) else ascii(value)
    except (ValueError, RecursionError):
        # Thousands of digits, or of lists in lists.
        return "…"
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def is_text(value: Any) -> bool:
    """Whether it is a text of one line that a database keeps, and not too long."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        return False
    return value.isprintable() and value == value.strip()


def read_quantity(value: Any) -> Decimal | None:
    """Return a number as it was written: 0.1 is a tenth, also of a float.

    :raise UnreadableError: if it is none, below zero, or has too many digits.
    """
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and abs(value) < MAX_NUMBER:
        # What is sent as 1e-07 is one, too.
        value = format(Decimal(repr(value)) + 0, "f")
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return Decimal(value)
    raise UnreadableError("quantity", value)


def find_moment(naive: datetime, name: str, fold: int | None = None) -> datetime:
    """Return the moment at which a clock shows a time, in UTC without a zone.

    :param naive: what the clock shows.
    :param name: of the zone, as the IANA has it.
    :param fold: of a time that it shows twice, 1 for the second.
    :raise UnreadableError: if there is no such zone, the clock jumps over the time, or
        shows it twice and nobody says which one it was.
    """
    place = get_zone(name)
    first, second = (naive.replace(tzinfo=place, fold=each) for each in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    if before < after:
        raise UnreadableError("never", f"{naive}, {name}")
    if before > after and fold is None:
        raise UnreadableError("twice", f"{naive}, {name}")
    return naive - (after if fold else before)


@lru_cache(maxsize=512)
def get_zone(name: str) -> ZoneInfo:
    """Return a zone by its name.

    :raise UnreadableError: if there is none.
    """
    if name not in list_zones():
        raise UnreadableError("zone", name)
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def list_zones() -> list[str]:
    """Return the names of all zones; not that of this machine's own clock."""
    return sorted(available_timezones() - {"localtime"})


def _tell(value: Any) -> str:
    return value if isinstance(value, str) else show(value)


def _write_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _read_text(raw: Mapping, key: str) -> str:
    value = raw.get(key)
    if not is_text(value):
        raise UnreadableError(key, value)
    return value


def _read_owner(raw: Mapping) -> tuple[int | None, str | None]:
    """Return the id of a service, or an identifier: one of both."""
    service, identifier = raw.get("service"), raw.get("identifier")
    if (service is None) == (identifier is None):
        raise UnreadableError("identifier", identifier)
    if identifier is not None:
        return None, _read_text(raw, "identifier")
    if type(service) is not int or not 0 < service <= MAX_ID:
        raise UnreadableError("service", service)
    return service, None


def _read_time(raw: Mapping, default: str) -> tuple[datetime, str]:
    """Return the moment in UTC, and the zone that it came with."""
    text, fold = raw.get("time"), raw.get("fold")
    found = TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None or not (fold is None or (type(fold) is int and fold in (0, 1))):
        raise UnreadableError("time", text)
    *parts, fraction, utc, sign, hours, minutes = found.groups()
    name = _read_text(raw, "zone") if raw.get("zone") is not None else ""
    try:
        naive = datetime(
            *(int(part or 0) for part in parts), int((fraction or "").ljust(6, "0"))
        )
        if not (utc or sign):
            name = name or default
            if not name:
                raise UnreadableError("zone", text)
            return find_moment(naive, name, fold), name
        offset = timedelta()
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            offset = -offset if sign == "-" else offset
        if abs(offset) >= timedelta(days=1):
            raise UnreadableError("time", text)
        moment = naive - offset
        # At either end of the calendar there is no time in the next zone.
        there = _get_offset(moment, name) if name else offset
    except (ValueError, OverflowError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError("time", text) from error
    if there != offset:
        raise UnreadableError("zone", f"{text}, {name}")
    return moment, name or (f"{sign}{hours}:{minutes}" if sign else "UTC")


def _get_offset(moment: datetime, name: str) -> timedelta:
    there = moment.replace(tzinfo=timezone.utc).astimezone(get_zone(name))
    return there.utcoffset()


def _read_dimensions(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > MAX_DIMENSIONS:
        raise UnreadableError("dimensions", value)
    found = {}
    for name, text in value.items():
        if type(text) is int and abs(text) < MAX_NUMBER:
            text = str(text)
        if not isinstance(name, str) or not NAME.fullmatch(name) or not is_text(text):
            raise UnreadableError("dimensions", f"{show(name)}: {show(text)}")
        found[name] = text
    return found
