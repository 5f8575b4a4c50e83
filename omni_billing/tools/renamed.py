"""Hooks that got another name, and are still asked by the former one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


class formerly:  # noqa: N801 (a decorator)
    """Give a hook of a model its former name as well.

    The default is what the former name does; the new one calls it. So an override of
    either, with ``super()`` or without, has its say wherever the hook is asked.

    :param name: the former name; the decorator and the name go together, in the version
        that stands where it is used.
    """

    def __init__(self, name: str) -> None:
        self.former = name

    def __call__(self, default: Callable[..., Any]) -> formerly:
        """Take the method that is decorated."""
        self.default = default
        return self

    def __set_name__(self, owner: type, name: str) -> None:
        """Put both methods in the class, now that it exists."""
        former = self.former

        @wraps(self.default)
        def hook(records: Any, *args: Any, **kwargs: Any) -> Any:
            return getattr(records, former)(*args, **kwargs)

        setattr(owner, former, self.default)
        setattr(owner, name, hook)
