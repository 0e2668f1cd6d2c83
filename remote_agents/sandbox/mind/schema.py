"""A JSON value that is valid for a JSON schema, filled from a text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

Schema = dict[str, Any]
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
NAME = re.compile(r"\b[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)+\b")
DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
DEEP = 6
FORMATS = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T09:00:00Z",
    "time": "09:00:00Z",
    "email": "people@northwind-harbor.example",
    "uri": "https://northwind-harbor.example/handbook",
    "uuid": "3f2b8c1e-7a4d-4e9b-8c56-0d1f2a3b4c5d",
    "ipv4": "127.0.0.1",
    "hostname": "northwind-harbor.example",
    "duration": "P1D",
}


def find_schema(text: str) -> tuple[Schema, str] | None:
    """The last JSON schema of an object that stands in a text, and the text without it.

    Example:
        >>> find_schema('Answer as {"type": "object", "properties": {"a": {}}} please')
        ({'type': 'object', 'properties': {'a': {}}}, 'Answer as  please')
    """
    if not any(mark in text for mark in ('"properties"', '"type": "object"', '"$defs"')):
        return None
    found = list(_schemas(text))
    if not found and "{{" in text:
        # Some templates leave the braces doubled that they had escaped.
        text = text.replace("{{", "{").replace("}}", "}")
        found = list(_schemas(text))
    if not found:
        return None
    for start, end, _ in reversed(found):
        text = text[:start] + text[end:]
    return found[-1][2], text


def _schemas(text: str) -> Iterator[tuple[int, int, Schema]]:
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        step = at + 1
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, step
        if _is_schema(value):
            yield at, end, value
            step = end
        at = text.find("{", step)


def _is_schema(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    has_properties = isinstance(value.get("properties"), dict)
    return has_properties or value.get("type") == "object" or ("$defs" in value and "$ref" in value)


@dataclass
class Filler:
    """Fills a schema with what an answer says.

    Args:
        root: the whole schema, for its ``$ref``.
        answer: text for strings, and the first source of numbers.
        question: text for fields that ask for it.
        source: more text to find names and numbers in.
    """

    root: Schema
    answer: str
    question: str
    source: str = ""
    _numbers: Iterator[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        found = NUMBER.findall(self.answer) or NUMBER.findall(self.source) or ["0"]
        self._numbers = cycle(found)

    def fill(self, schema: Any = None, name: str = "", depth: int = 0) -> Any:
        """A valid value; `name` is the property that it is for."""
        schema = self._resolved(self.root if schema is None else schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                return self.fill(self._branch(schema[union], depth), name, depth)
        return self._typed(schema, name, depth)

    def _resolved(self, schema: Any) -> Schema:
        if not isinstance(schema, dict):
            return {}
        for _ in range(20):
            if "$ref" not in schema:
                break
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = {**self._target(schema["$ref"]), **rest}
        for part in schema.get("allOf", ()):
            schema = _merged(schema, self._resolved(part))
        return dict(schema)

    def _target(self, ref: str) -> Schema:
        value: Any = self.root
        for part in ref.lstrip("#/").split("/") if ref != "#" else ():
            value = value.get(part.replace("~1", "/").replace("~0", "~"), {})
        return value if isinstance(value, dict) else {}

    def _branch(self, options: list[Schema], depth: int) -> Schema:
        null = next((option for option in options if option.get("type") == "null"), None)
        if null is not None and depth >= DEEP:
            return null
        return next((option for option in options if option.get("type") != "null"), options[0])

    def _typed(self, schema: Schema, name: str, depth: int) -> Any:
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, kind)
        if kind == "boolean":
            return not re.search(r"\b(no|not|never|could not)\b", self.answer, re.IGNORECASE)
        return None if kind == "null" else self._string(schema, name)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        names = list(properties) if depth < DEEP else [n for n in properties if n in required]
        names += [n for n in required if n not in properties]
        return {n: self.fill(properties.get(n, {}), n, depth + 1) for n in names}

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        fixed = schema.get("prefixItems")
        if fixed:
            return [self.fill(item, name, depth + 1) for item in fixed]
        low, high = int(schema.get("minItems", 0)), schema.get("maxItems")
        count = max(low, 0 if depth >= DEEP else 1)
        count = count if high is None else min(count, int(high))
        items = [self.fill(schema.get("items", {}), name, depth + 1) for _ in range(count)]
        return _distinct(items) if schema.get("uniqueItems") else items

    def _number(self, schema: Schema, kind: str) -> int | float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        for text in islice(self._numbers, 20):
            value = float(text.replace(",", ""))
            if _within(value, schema) and (kind == "number" or value.is_integer()):
                return int(value) if value.is_integer() else value
        between = (low + high) / 2 if low is not None and high is not None else None
        value = next((v for v in (between, _plus(low, 1), _plus(high, -1)) if v is not None), 0)
        step = schema.get("multipleOf")
        value = round(value / step) * step if step else value
        return int(value) if kind == "integer" else value

    def _string(self, schema: Schema, name: str) -> str:
        if schema.get("format") in FORMATS:
            return self._formatted(schema["format"])
        text = self._text_for(name.lower())
        text = text + "." * max(0, int(schema.get("minLength", 0)) - len(text))
        limit = schema.get("maxLength")
        return text if limit is None else text[: int(limit)]

    def _formatted(self, form: str) -> str:
        found = DATE.search(f"{self.answer} {self.source}") if form == "date" else None
        return found.group() if found else FORMATS[form]

    def _text_for(self, name: str) -> str:
        if "question" in name or "query" in name:
            return self.question or self.answer
        if "name" in name or "author" in name or "person" in name:
            found = NAME.search(self.source) or NAME.search(self.answer)
            return found.group() if found else self.answer
        return self.answer


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _merged(one: Schema, other: Schema) -> Schema:
    both = {**other, **{key: value for key, value in one.items() if key != "allOf"}}
    for key in ("properties", "required"):
        if key in one and key in other:
            both[key] = (
                {**other[key], **one[key]} if key == "properties" else [*one[key], *other[key]]
            )
    return both


def _within(value: float, schema: Schema) -> bool:
    return bool(
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and value > schema.get("exclusiveMinimum", value - 1)
        and value < schema.get("exclusiveMaximum", value + 1)
        and value % schema.get("multipleOf", 1 if value.is_integer() else value) == 0
    )


def _plus(value: float | None, step: float) -> float | None:
    return None if value is None else value + step


def _distinct(items: list[Any]) -> list[Any]:
    return [
        f"{item} ({number})" if number and isinstance(item, str) else item
        for number, item in enumerate(items)
    ]
