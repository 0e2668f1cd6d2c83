"""Whether a JSON value has the form of a JSON schema, as far as schemas of answers go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool)
        and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
}


def violation(value: Any, schema: Schema, root: Schema | None = None, at: str = "answer") -> str:
    """What is wrong with a value; empty if nothing is.

    Args:
        value: A decoded JSON value.
        schema: Looked at are type, enum, const, properties, required, additionalProperties: false,
            items, anyOf, oneOf, allOf and local $ref.
        root: The schema that $ref refers to.
        at: Name of the value in the message.

    Example:
        >>> violation({"days": "25"}, {"properties": {"days": {"type": "integer"}}})
        "answer.days must be integer, not '25'"
    """
    root = schema if root is None else root
    if "$ref" in schema:
        schema = {**_target(schema["$ref"], root), **{k: schema[k] for k in schema if k != "$ref"}}
    return (
        _wrong_type(value, schema, at)
        or _wrong_choice(value, schema, at)
        or _wrong_union(value, schema, root, at)
        or _wrong_properties(value, schema, root, at)
        or _wrong_items(value, schema, root, at)
    )


def _target(ref: str, root: Schema) -> Schema:
    found: Any = root
    for part in ref.removeprefix("#").strip("/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else found
    return found if isinstance(found, Mapping) else {}


def _wrong_type(value: Any, schema: Schema, at: str) -> str:
    kinds = schema.get("type")
    if kinds is None:
        return ""
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if any(_TYPES.get(kind, lambda _: True)(value) for kind in kinds):
        return ""
    return f"{at} must be {' or '.join(kinds)}, not {value!r}"


def _wrong_choice(value: Any, schema: Schema, at: str) -> str:
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if choices is None or value in choices:
        return ""
    return f"{at} must be one of {choices}, not {value!r}"


def _wrong_union(value: Any, schema: Schema, root: Schema, at: str) -> str:
    for part in schema.get("allOf", ()):
        if wrong := violation(value, part, root, at):
            return wrong
    options = schema.get("anyOf") or schema.get("oneOf") or ()
    wrongs = [violation(value, option, root, at) for option in options]
    return "" if not wrongs or not all(wrongs) else "; or ".join(dict.fromkeys(wrongs))


def _wrong_properties(value: Any, schema: Schema, root: Schema, at: str) -> str:
    if not isinstance(value, dict):
        return ""
    known = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            return f"{at}.{name} is missing"
    for name, part in value.items():
        if name in known:
            if wrong := violation(part, known[name], root, f"{at}.{name}"):
                return wrong
        elif schema.get("additionalProperties") is False:
            return f"{at}.{name} is not in the schema"
    return ""


def _wrong_items(value: Any, schema: Schema, root: Schema, at: str) -> str:
    items = schema.get("items")
    if not isinstance(value, list) or not isinstance(items, Mapping):
        return ""
    wrongs = (violation(item, items, root, f"{at}[{n}]") for n, item in enumerate(value))
    return next(filter(None, wrongs), "")
