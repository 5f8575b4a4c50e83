"""The types that Stripe's own SDK gives to each call, and to each object it answers.

Of the SDK's version of the API this server knows no more and no less than the SDK: a
request is refused for a name or a value that its types lack, and an answer with a
property that its classes lack is a mistake of this server. The types are generated from
Stripe's specification of that version (https://github.com/stripe/openapi).
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from functools import cache
from operator import attrgetter
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe._object_classes import get_object_class
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import NotRequired, Required, is_typeddict

from .errors import RefusedError

#: The version of the API that the SDK's types are of.
VERSION = stripe.api_version
#: The services of the SDK whose calls this server answers.
SERVICES = (
    "balance_transactions",
    "charges",
    "checkout.sessions",
    "customers",
    "customers.payment_methods",
    "disputes",
    "events",
    "mandates",
    "payment_intents",
    "payment_methods",
    "payouts",
    "refunds",
    "setup_intents",
    "webhook_endpoints",
)
UNIONS = {Union, type(int | str)}
#: How a form writes numbers and such.
FORMS = {
    int: re.compile(r"-?\d+"),
    float: re.compile(r"-?\d+(\.\d+)?"),
    bool: re.compile(r"true|false", re.IGNORECASE),
}


class _Mismatch(Exception):
    """A value that is not of a type; ``code`` is Stripe's word for it."""

    def __init__(self, path: str, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.code = code


def check_request(method: str, path: str, given: dict[str, Any]) -> None:
    """Refuse a request whose parameters are not of the SDK's types.

    :param given: the form as a tree, ``expand`` and all.
    """
    params = _find_type(method, path)
    try:
        _check_hash(params, given, "")
    except _Mismatch as wrong:
        message = str(wrong)
        raise RefusedError(400, message, code=wrong.code, param=wrong.path) from wrong


@cache
def event_types() -> frozenset[str]:
    """Return the types of events that an endpoint can be registered for."""
    params = stripe.params.WebhookEndpointCreateParams
    annotation = _read_fields(params)["enabled_events"]
    words = re.findall(r"'([a-z0-9_.*]+)'", repr(annotation))
    return frozenset(words)


def find_unknown(answer: Any) -> list[str]:
    """Return the properties of an answer that the SDK's classes lack, as paths."""
    return sorted(set(_find_unknown(answer, None, "")))


# === REQUESTS === #


@cache
def _read_calls() -> list[tuple[str, re.Pattern, type]]:
    """Read from the SDK's source which call takes which parameters."""
    api = stripe.StripeClient("sk_test_types").v1
    calls = []
    for name in SERVICES:
        service = type(attrgetter(name)(api))
        module = ast.parse(inspect.getsource(sys.modules[service.__module__]))
        for function in ast.walk(module):
            # Their asynchronous twins are functions of another kind.
            if isinstance(function, ast.FunctionDef):
                calls += _read_call(function, name.split(".")[0])
    return calls


def _read_call(
    function: ast.FunctionDef, group: str
) -> list[tuple[str, re.Pattern, type]]:
    annotations = [
        each.annotation for each in function.args.args if each.arg == "params"
    ]
    sent = [
        node.args
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "_request"
    ]
    if not annotations or not sent:
        return []
    name = re.search(r"\w+Params", ast.unparse(annotations[0]))[0]
    method, path = (ast.unparse(argument) for argument in sent[0][:2])
    # "/v1/customers/{customer}".format(customer=...)
    template = re.match(r"'([^']+)'", path)[1]
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
    return [
        (
            ast.literal_eval(method).upper(),
            re.compile(pattern),
            getattr(getattr(stripe.params, group, stripe.params), name),
        )
    ]


def _find_type(method: str, path: str) -> type:
    for verb, pattern, params in _read_calls():
        if verb == method and pattern.fullmatch(path):
            return params
    raise RefusedError(404, f"Unrecognized request URL ({method}: {path}).")


@cache
def _read_fields(params: type) -> dict[str, Any]:
    """Return the types of a hash by name, without the options of the SDK itself."""
    options = stripe.RequestOptions.__annotations__
    return {
        name: annotation
        for name, annotation in params.__annotations__.items()
        if name not in options
    }


def _resolve(annotation: Any, module: str) -> Any:
    """Return what a name in quotes stands for, in the module that it is written in."""
    while isinstance(annotation, (str, ForwardRef)):
        text = getattr(annotation, "__forward_arg__", annotation)
        annotation = eval(text, vars(sys.modules[module]))  # the SDK's own source
    return annotation


def _check_hash(params: type, given: Any, path: str) -> None:
    if not isinstance(given, dict):
        raise _Mismatch(path, f"Invalid object: {given}")
    fields = _read_fields(params)
    for name in given:
        if name not in fields:
            where = _join(path, name)
            message = f"Received unknown parameter: {where}"
            raise _Mismatch(where, message, "parameter_unknown")
    for name, annotation in fields.items():
        annotation = _resolve(annotation, params.__module__)
        is_required = get_origin(annotation) is not NotRequired
        if get_origin(annotation) in (NotRequired, Required):
            (annotation,) = get_args(annotation)
        if name in given:
            _check(annotation, given[name], _join(path, name), params.__module__)
        elif is_required:
            where = _join(path, name)
            message = f"Missing required param: {where}."
            raise _Mismatch(where, message, "parameter_missing")


def _check(annotation: Any, given: Any, path: str, module: str) -> None:
    annotation = _resolve(annotation, module)
    origin = get_origin(annotation)
    if origin in UNIONS:
        _check_any(get_args(annotation), given, path, module)
    elif origin is Literal:
        if given not in map(str, get_args(annotation)):
            raise _Mismatch(path, f"Invalid {path}: {given}")
    elif origin is list:
        _check_list(get_args(annotation)[0], given, path, module)
    elif origin in (dict, UntypedStripeObject):
        _check_metadata(given, path)
    elif is_typeddict(annotation):
        _check_hash(annotation, given, path)
    elif annotation is str:
        _check_text(given, path)
    elif annotation in FORMS:
        if not isinstance(given, str) or not FORMS[annotation].fullmatch(given):
            raise _Mismatch(path, f"Invalid {annotation.__name__}: {given}")
    else:
        raise NotImplementedError(f"{path} is a {annotation}")


def _check_any(choices: tuple, given: Any, path: str, module: str) -> None:
    """Take what one of several types takes; else tell what the closest one lacks."""
    choices = [_resolve(choice, module) for choice in choices]
    # The SDK adds any text to words that later versions may add to.
    if any(any(get_args(each)) for each in choices if get_origin(each) is Literal):
        choices = [each for each in choices if each is not str]
    wrong = []
    for choice in choices:
        try:
            _check(choice, given, path, module)
            return
        except _Mismatch as mismatch:
            wrong.append(mismatch)
    raise max(wrong, key=lambda mismatch: len(mismatch.path))


def _check_list(item: Any, given: Any, path: str, module: str) -> None:
    if not isinstance(given, dict) or not all(key.isdigit() for key in given):
        raise _Mismatch(path, f"Invalid array: {given}")
    for key, value in given.items():
        _check(item, value, f"{path}[{key}]", module)


def _check_metadata(given: Any, path: str) -> None:
    """Take a hash of any names; a text that is empty removes a name."""
    if not isinstance(given, dict):
        raise _Mismatch(path, f"Invalid object: {given}")
    for name, value in given.items():
        if not isinstance(value, str):
            raise _Mismatch(_join(path, name), f"Invalid string: {value}")


def _check_text(given: Any, path: str) -> None:
    if not isinstance(given, str):
        raise _Mismatch(path, f"Invalid string: {given}")
    if not given:
        # What can be unset says so, by a literal that is empty.
        raise _Mismatch(
            path,
            f"You passed an empty string for '{path}'. We assume empty values are an "
            f"attempt to unset a parameter; however '{path}' cannot be unset. You "
            f"should remove '{path}' from your request or supply a non-empty value.",
            "parameter_invalid_empty",
        )


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name


# === ANSWERS === #


def _find_unknown(value: Any, kind: type | None, path: str) -> list[str]:
    if isinstance(value, list):
        return [each for item in value for each in _find_unknown(item, kind, path)]
    if not isinstance(value, dict):
        return []
    if isinstance(name := value.get("object"), str):
        # An object of its own, wherever it stands.
        kind = get_object_class("V1", name)
        path = name
    if kind is None:
        # A hash whose names are the merchant's (metadata), or no hash of the SDK.
        return []
    known = {"object"}.union(
        *(vars(each).get("__annotations__", ()) for each in kind.__mro__)
    )
    inner = getattr(kind, "_inner_class_types", {})
    # A field that is a word of Python has another name in the SDK.
    encoded = set(getattr(kind, "_field_encodings", {}))
    found = []
    for name, item in value.items():
        where = f"{path}.{name}"
        if name not in known and f"{name}_" not in known and name not in encoded:
            found.append(where)
        else:
            found += _find_unknown(item, inner.get(name), where)
    return found
