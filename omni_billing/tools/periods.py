"""Pure functions on dates."""

from datetime import date


def format_period(start: date | None, end: date | None, render) -> str:
    """Write a period with ``render(date)``; empty when there is none.

    One day is written once: an invoice of one day (F56) is not "5 May - 5 May".
    """
    if not start and not end:
        return ""
    if start == end or not end:
        return render(start)
    if not start:
        return render(end)
    return f"{render(start)} - {render(end)}"
