"""When who paid in advance is told that it ends."""

from datetime import date, timedelta


def is_ending(begins: date, last: date, today: date, days: int) -> bool:
    """Return whether what can be used until a day ends soon.

    Who has just paid is not told at once: half of its time is over at least.

    :param begins: when it was paid.
    :param last: the last day on which it can be used.
    :param days: how many days before people are told; 0: not at all.
    """
    if days <= 0:
        return False
    days = min(days, (last - begins).days // 2)
    return last - timedelta(days=days) <= today <= last
