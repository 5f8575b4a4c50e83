"""Has Python sleep where the time of day is faked; it is read at each start.

Python 3.11 sleeps until a moment of the monotonic clock, which libfaketime 0.9.10 takes
for one of the day, though it is told to leave that clock alone.
"""

import select
import time


def sleep(seconds: float) -> None:
    """Wait for so long, whatever time it is."""
    select.select([], [], [], seconds)


time.sleep = sleep
