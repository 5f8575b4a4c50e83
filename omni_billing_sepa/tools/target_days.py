"""The days on which euros move between banks."""

from datetime import date, timedelta

from dateutil.easter import easter

ONE_DAY = timedelta(days=1)


def is_business_day(day: date) -> bool:
    """Whether banks settle on a day.

    Source: the long-term calendar of TARGET's closing days (European Central Bank,
    2000): weekends, New Year, Good Friday, Easter Monday, 1 May, 25 and 26 December.
    """
    sunday = easter(day.year)
    return not (
        day.weekday() >= 5
        or (day.month, day.day) in {(1, 1), (5, 1), (12, 25), (12, 26)}
        or day in (sunday - 2 * ONE_DAY, sunday + ONE_DAY)
    )


def find_business_day(day: date) -> date:
    """Return a day, or the next one on which banks settle."""
    while not is_business_day(day):
        day += ONE_DAY
    return day


def add_business_days(day: date, number: int) -> date:
    """Return the day that is so many business days later."""
    for _number in range(number):
        day = find_business_day(day + ONE_DAY)
    return day
