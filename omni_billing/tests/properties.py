"""How often random properties are tried: a few times in each run, or deep.

What each run tries takes seconds, and is the same on each machine that is quick enough;
``bin/test deep`` tries other things each time, by the thousand, and keeps what failed.
"""

import functools
import time

from hypothesis import HealthCheck, Phase, settings

#: Most seconds that a property takes in a run which is not deep; a slow machine tries
#: fewer examples then.
LIMIT = 10


def tried(*, ci, deep):
    """Try a property so many times; what an example has written is undone.

    Goes below ``@given``, on a method of a test with ``env``. What is drawn is drawn
    before it (no ``st.data()``): an example for which no time is left is let pass.
    """
    is_deep = settings.get_current_profile_name() == "deep"
    few = {"derandomize": True, "database": None}
    # The least case is looked for by those who look deep: it takes minutes.
    few["phases"] = (Phase.explicit, Phase.generate)
    wanted = settings(
        max_examples=deep if is_deep else ci,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **({} if is_deep else few),
    )

    def decorate(test):
        @functools.wraps(test)
        def example(self, *args, **values):
            end = self.__dict__.setdefault("_properties_end", time.monotonic() + LIMIT)
            if time.monotonic() > end and not is_deep:
                return
            savepoint = self.env.cr.savepoint()
            try:
                test(self, *args, **values)
            except Exception:
                # What failed is tried again, until the least case is found.
                self._properties_end = float("inf")
                raise
            finally:
                savepoint.close(rollback=True)
                self.env.invalidate_all()

        return wanted(example)

    return decorate
