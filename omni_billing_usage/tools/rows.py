"""Rows of a file, as the events that they are: plain Python, no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

#: What stands between columns that are one value together: a day and a time; a switch
#: and a number of its own.
BETWEEN = {"ref": "/", "time": " "}


class Column(NamedTuple):
    """What of an event a column says.

    :param target: a key of the event; ``dimension``: one of its dimensions.
    :param title: in the first row of the file.
    :param value: instead of a column: the same for all.
    :param dimension: its name.
    """

    target: str
    title: str = ""
    value: str = ""
    dimension: str = ""


class MissingColumnError(ValueError):
    """A file lacks columns.

    :param titles: that are not in its first row.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__(", ".join(titles))
        self.titles = list(titles)


def read_rows(
    rows: Sequence[Sequence[Any]],
    columns: Sequence[Column],
    time_format: str = "",
    has_comma: bool = False,
    cell_texts: Collection[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield an event for each row but the first, which has the titles.

    What cannot be read stays as it is: whoever takes the event in refuses it.

    :param rows: of texts, and of days and times, as Odoo reads a file.
    :param time_format: of texts that are times, as ``strptime`` has it; none: ISO 8601.
    :param has_comma: whether decimals of quantities come after a comma; a point is
        then none that can be read.
    :param cell_texts: of a workbook, whose numbers Odoo writes with a point, those with
        a point that are texts and no numbers; none: it is no workbook.
    :raise MissingColumnError: if the first row lacks a title.
    """
    titles = [str(cell).strip() for cell in rows[0]] if rows else []
    missing = [one.title for one in columns if one.title and one.title not in titles]
    if missing:
        raise MissingColumnError(missing)
    places = [titles.index(one.title) if one.title else None for one in columns]
    for row in rows[1:]:
        said: dict[tuple[str, str], list[str]] = defaultdict(list)
        for column, place in zip(columns, places, strict=True):
            cell = column.value if place is None else _get_cell(row, place)
            if cell:
                said[column.target, column.dimension].append(cell)
        event = _make_event(said, time_format)
        if has_comma and "quantity" in event:
            event["quantity"] = _write_quantity(event["quantity"], cell_texts)
        yield event


def _get_cell(row: Sequence[Any], place: int) -> str:
    cell = row[place] if place < len(row) else ""
    # A day is no moment: who has them in two columns has them joined.
    return str(cell) if isinstance(cell, datetime | date) else str(cell).strip()


def _make_event(
    said: dict[tuple[str, str], list[str]], time_format: str
) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for (target, dimension), cells in said.items():
        text: Any = BETWEEN.get(target, "").join(cells)
        if target == "time" and time_format:
            text = _write_time(text, time_format)
        elif target == "service" and text.isdecimal() and len(text) < 11:
            text = int(text)
        if target == "dimension":
            event.setdefault("dimensions", {})[dimension] = text
        else:
            event[target] = text
    return event


def _write_quantity(text: str, cell_texts: Collection[str] | None) -> str:
    if "." in text and (cell_texts is None or text in cell_texts):
        # A thousand or one: nobody knows. Marked, it is read as neither.
        return f"{text} (,)"
    return text.replace(",", ".")


def _write_time(text: str, time_format: str) -> str:
    try:
        return datetime.strptime(text, time_format).isoformat()
    except ValueError:
        return text
