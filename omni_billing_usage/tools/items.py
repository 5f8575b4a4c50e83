"""Events as a customer reads them: plain Python, no database."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

#: Digits that are hidden of whoever was called, and what is in their place.
HIDDEN, MASK = 4, "****"
#: What may be a number of somebody: six digits or more, as people write them.
NUMBER = re.compile(r"\+?(?:[\s().-]*\d){6,}")
#: What a spreadsheet takes for the beginning of a formula.
FORMULA = ("=", "-", "+", "@", "\t", "\r")


def mask_number(number: str) -> str:
    """Return a number without its last four digits.

    Who was called is not for everybody to read who sees the bill: directive
    2002/58/EC, article 7; in France the decree of 31 December 2013, article 5.
    """
    return f"{number[:-HIDDEN]}{MASK}" if number else ""


def mask_if_number(text: str) -> str:
    """Return a text without its last digits if it may be the number of somebody.

    A meter need not say which of its dimensions is a number.
    """
    return mask_number(text) if NUMBER.fullmatch(text) else text


def write_quantity(quantity: Decimal) -> str:
    """Return a quantity as it was sent, without zeros that say nothing."""
    text = format(quantity, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_rows(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a file of rows, in which no cell is a formula.

    It begins with a mark by which spreadsheets know that it is UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(titles)
    for row in rows:
        writer.writerow([_keep_text(cell) for cell in row])
    return out.getvalue().encode("utf-8-sig")


def _keep_text(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
