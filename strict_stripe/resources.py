"""What the objects of an account have in common, upon localstripe's store.

Sources: Stripe's pages "Expanding responses", "Pagination", "Versioning" of the API
reference, and its API changelog.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from localstripe import resources as localstripe

from .clock import clock
from .errors import RefusedError, StripeError

MAX_EXPAND_LEVELS = 4
ID_LENGTH = 24
FIRST_DATE = "2019-02-11"
CURRENT = "2026-10-28.endive"


class Memory(localstripe.Store):
    """Objects by kind and id, which never leave the process.

    localstripe writes its store to one file for all its instances on each change.
    """

    def dump_to_disk(self) -> None:
        """Write nothing."""


@dataclass(frozen=True)
class Version:
    """A version of the API: the shape of its answers. Source: the API changelog."""

    label: str

    @classmethod
    def parse(cls, label: str) -> Version:
        """Read the header ``Stripe-Version``."""
        if not re.fullmatch(r"\d{4}-\d\d-\d\d(\.[a-z]+)?", label) or label < FIRST_DATE:
            raise RefusedError(400, f"Invalid Stripe API version: {label}")
        return cls(label)

    @property
    def lists_charges(self) -> bool:
        """Tell whether intents list charges and charges refunds (until 2022-11-15)."""
        return self.label < "2022-11-15"

    @property
    def picks_methods(self) -> bool:
        """Tell whether intents take all methods of the account (since 2023-08-16)."""
        return self.label >= "2023-08-16"

    @property
    def allows_methods(self) -> bool:
        """Tell whether intents say which methods are allowed (since 2026-07-29)."""
        return self.label >= "2026-07-29"

    @property
    def updates_cards(self) -> bool:
        """Tell whether cards are updated, not any method (until 2020-08-27)."""
        return self.label < "2020-08-27"

    @property
    def captures_later(self) -> bool:
        """Tell whether capture is asynchronous by default (since 2024-04-10)."""
        return self.label >= "2024-04-10"


class Whole:
    """A reference that is written in full where others are ids, as in errors."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource


class Resource(localstripe.StripeObject):
    """An object of the account; what refers to another holds the other itself."""

    noun: ClassVar[str] = ""
    prefix: ClassVar[str] = ""
    expandable: ClassVar[frozenset[str]] = frozenset()
    # Properties that are absent unless expanded.
    on_request: ClassVar[frozenset[str]] = frozenset()
    # Whether the API says of it that it is of test mode.
    tells_mode: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__(self.prefix + localstripe.random_id(ID_LENGTH))
        self.created = clock.now()
        if not self.tells_mode:
            del self.livemode

    def fields(self, version: Version) -> dict[str, Any]:
        """Give what the API shows; attributes that begin with _ are ours."""
        shown = {key: value for key, value in vars(self).items() if key[0] != "_"}
        return {"id": self.id, "object": self.object, **shown}

    def render(self, version: Version, expand: Iterable[str] = ()) -> dict[str, Any]:
        """Write the object as an answer of that version."""
        wanted = _by_first_name(expand)
        fields = self.fields(version)
        for name in wanted:
            if name in self.on_request:
                fields.setdefault(name, getattr(self, f"_{name}")())
            elif name not in self.expandable:
                raise _not_expandable(name)
        return {
            name: _expanded(value, version, wanted[name])
            if name in wanted
            else plain(value, version)
            for name, value in fields.items()
        }


class Listing:
    """A page of objects."""

    def __init__(self, url: str, items: list[Resource], has_more: bool = False) -> None:
        self._url = url
        self._items = items
        self._has_more = has_more

    def render(self, version: Version, expand: Iterable[str] = ()) -> dict[str, Any]:
        """Write the page; what to expand in it begins with ``data``."""
        wanted = _by_first_name(expand)
        if others := set(wanted) - {"data"}:
            raise _not_expandable(others.pop())
        inner = wanted.get("data", [])
        return {
            "object": "list",
            "url": self._url,
            "has_more": self._has_more,
            "data": [item.render(version, inner) for item in self._items],
        }


def _expanded(value: Any, version: Version, expand: list[str]) -> Any:
    """Write a value in full; a hash, such as settings, may have references inside."""
    if isinstance(value, (Resource, Listing)):
        return value.render(version, expand)
    if not isinstance(value, dict):
        return plain(value, version)
    wanted = _by_first_name(expand)
    for name in wanted:
        if name not in value:
            raise _not_expandable(name)
    return {
        name: _expanded(inner, version, wanted[name])
        if name in wanted
        else plain(inner, version)
        for name, inner in value.items()
    }


def plain(value: Any, version: Version) -> Any:
    """Write a value: objects as their ids, all else as a copy."""
    if isinstance(value, Resource):
        return value.id
    if isinstance(value, Whole):
        return value.resource.render(version)
    if isinstance(value, Listing):
        return value.render(version)
    if isinstance(value, dict):
        return {key: plain(inner, version) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner, version) for inner in value]
    return value


def page(url: str, items: list[Resource], params: dict[str, Any]) -> Listing:
    """Cut a page, newest first. Source: "Pagination" of the API reference."""
    items = [item for item in items if _is_created(item, params.get("created"))]
    limit = params.get("limit", 10)
    ids = [item.id for item in items]
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in ids:
            raise StripeError(
                400,
                f"No such object: '{params[name]}'",
                code="resource_missing",
                param=name,
            )
    if "ending_before" in params:
        before = items[: ids.index(params["ending_before"])]
        return Listing(url, before[-limit:], len(before) > limit)
    if "starting_after" in params:
        items = items[ids.index(params["starting_after"]) + 1 :]
    return Listing(url, items[:limit], len(items) > limit)


def _is_created(item: Resource, when: int | dict[str, int] | None) -> bool:
    if when is None:
        return True
    if isinstance(when, int):
        return item.created == when
    tests = {
        "gt": item.created.__gt__,
        "gte": item.created.__ge__,
        "lt": item.created.__lt__,
        "lte": item.created.__le__,
    }
    return all(tests[name](bound) for name, bound in when.items())


def _by_first_name(expand: Iterable[str]) -> dict[str, list[str]]:
    """Sort paths such as ``latest_charge.refunds`` by what to expand first."""
    wanted: dict[str, list[str]] = {}
    for path in expand:
        if path.count(".") >= MAX_EXPAND_LEVELS:
            raise StripeError(
                400, f"You cannot expand more than 4 levels of a property ({path})."
            )
        first, _dot, rest = path.partition(".")
        wanted.setdefault(first, []).extend([rest] if rest else [])
    return wanted


def _not_expandable(name: str) -> StripeError:
    return StripeError(
        400, f"This property cannot be expanded ({name}).", param="expand"
    )
