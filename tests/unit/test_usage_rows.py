"""Rows of a file are the events that its source's columns say (W41)."""

from datetime import date, datetime

import pytest

from odoo.addons.omni_billing_usage.tools.events import (
    UnreadableError,
    read_quantity,
)
from odoo.addons.omni_billing_usage.tools.rows import (
    Column,
    MissingColumnError,
    read_rows,
)

COLUMNS = [
    Column("ref", "Switch"),
    Column("ref", "No"),
    Column("meter", value="calls"),
    Column("identifier", "From"),
    Column("time", "Day"),
    Column("time", "Clock"),
    Column("quantity", "Seconds"),
    Column("dimension", "Country", dimension="country"),
]
TITLES = ["No", "Switch", " From", "Day", "Clock", "Seconds", "Country", "More"]


def test_columns_of_one_kind_are_joined():
    rows = [
        TITLES,
        ["1", "a", "+33", "30/11/2026", "14:05:00", "61,5", "FR", "x"],
        ["2", "a", "+33", "tomorrow", "", "", ""],
    ]
    first, second = read_rows(rows, COLUMNS, "%d/%m/%Y %H:%M:%S", has_comma=True)
    assert first == {
        "ref": "a/1",
        "meter": "calls",
        "identifier": "+33",
        "time": "2026-11-30T14:05:00",
        "quantity": "61.5",
        "dimensions": {"country": "FR"},
    }
    # What cannot be read is for the intake to refuse.
    assert second == {
        "ref": "a/2",
        "meter": "calls",
        "identifier": "+33",
        "time": "tomorrow",
    }


@pytest.mark.parametrize(
    ("text", "in_text", "in_cells"),
    [
        ("61", "61", "61"),
        ("1,234", "1.234", "1.234"),
        # A thousand and more, or one and a bit?
        ("1.234", None, "1.234"),
        ("1.234,5", None, None),
    ],
)
def test_point_is_no_comma(text, in_text, in_cells):
    # Of a workbook, a text that is none of a number is read as of a file.
    for cell_texts, number in ((None, in_text), ((), in_cells), ({text}, in_text)):
        rows = [["Seconds"], [text]]
        column = Column("quantity", "Seconds")
        [event] = read_rows(rows, [column], "", True, cell_texts)
        if number:
            assert event == {"quantity": number}
        else:
            with pytest.raises(UnreadableError):
                read_quantity(event["quantity"])


def test_cells_of_a_workbook():
    columns = [Column("time", "Time"), Column("service", "Service")]
    rows = [["Time", "Service"], [datetime(2026, 11, 30, 14, 5), "7"]]
    rows += [[date(2026, 11, 30), "seven"], []]
    assert list(read_rows(rows, columns)) == [
        {"time": "2026-11-30 14:05:00", "service": 7},
        {"time": "2026-11-30", "service": "seven"},
        {},
    ]


def test_offset_of_a_time_is_kept():
    rows = [["Time"], ["30.11.2026 14:05 +0100"]]
    [event] = read_rows(rows, [Column("time", "Time")], "%d.%m.%Y %H:%M %z")
    assert event == {"time": "2026-11-30T14:05:00+01:00"}


def test_file_without_a_column_is_refused():
    with pytest.raises(MissingColumnError) as caught:
        list(read_rows([["No", "From"]], COLUMNS))
    assert caught.value.titles == ["Switch", "Day", "Clock", "Seconds", "Country"]
    with pytest.raises(MissingColumnError):
        list(read_rows([], COLUMNS))
