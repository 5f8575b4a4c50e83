"""Which of an invoice's facts a template of staff prints, as its text says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

#: By fact, the variables of which one prints it. A dot: of that, or of whatever the
#: template calls it; a star: of anything.
FACTS = {
    "kind": ("document_title", "is_credit_note"),
    "number": ("invoice_number",),
    "date": ("date",),
    "seller": ("company.name",),
    "seller_address": ("company.address",),
    "seller_tax_id": ("company.tax_id",),
    "customer": ("client.name",),
    "customer_address": ("client.address",),
    "items": ("transactions",),
    "untaxed": ("total_amount", "*.retail_cost"),
    "rate": ("*.tax_percentage",),
    "tax": ("total_tax",),
    "total": ("total", "total_due"),
    "void": ("status",),
    "customer_tax_id": ("client.tax_id",),
    "mentions": ("mentions",),
}


class Used(NamedTuple):
    """What a template uses: names, names as a whole, and attributes of which name."""

    names: set[str]
    whole: set[str]
    attributes: set[tuple[str, str]]


def find_missing(body: str, wanted: Iterable[str]) -> list[str]:
    """Return which of the wanted facts a template never uses, in their order.

    :param body: HTML with Jinja; of one that cannot be read nothing is missing.
    """
    if not (used := _find_used(body)):
        return []
    return [
        fact for fact in wanted if not any(_is_used(path, used) for path in FACTS[fact])
    ]


def _is_used(path: str, used: Used) -> bool:
    owner, _dot, name = path.rpartition(".")
    if not owner:
        return name in used.names
    if owner == "*" or owner in used.whole:
        # Handed over as a whole, to a macro or a loop, it has another name there.
        return any(name == attribute for _owner, attribute in used.attributes)
    return (owner, name) in used.attributes


def _find_used(body: str) -> Used | None:
    # Imported here: nobody else of Odoo's process needs the parser.
    from jinja2 import Environment, TemplateSyntaxError, nodes

    extensions = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]
    try:
        # Parsed, and never rendered.
        tree = Environment(extensions=extensions).parse(body)  # noqa: S701
    except TemplateSyntaxError:
        return None
    owners, attributes = set(), set()
    for node, attribute in _iterate_attributes(tree, nodes):
        owner = node.node.name if isinstance(node.node, nodes.Name) else ""
        attributes.add((owner, attribute))
        owners.add(id(node.node))
    names = [node for node in tree.find_all(nodes.Name) if node.ctx == "load"]
    return Used(
        {node.name for node in names},
        {node.name for node in names if id(node) not in owners},
        attributes,
    )


def _iterate_attributes(tree: Any, nodes: Any) -> Iterator[tuple[Any, str]]:
    """Give ``a.b`` and ``a["b"]``, each with what is asked for."""
    for node in tree.find_all(nodes.Getattr):
        yield node, node.attr
    for node in tree.find_all(nodes.Getitem):
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            yield node, node.arg.value
