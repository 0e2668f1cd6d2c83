"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind import values

Schema = dict[str, Any]
Evidence = Callable[[str, str], list[str]]
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
IN_JSON = re.compile(r"\bJSON\b", re.IGNORECASE)
EXAMPLE = re.compile(r"\{\s*['\"]\w+['\"]\s*:[^{}\[\]]*\}")
EXAMPLE_PAIR = re.compile(
    r"['\"](\w+)['\"]\s*:\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s,}]+))[ \t,]*(?://[ \t]*(.*))?"
)
PLACEHOLDER = re.compile(r"^[\W0]*$|[<>]|\.\.\.|…|^(?:str|int|float|bool|num|list|null|true|false)")
KEYS = re.compile(r"\b(?:keys?|fields?|properties|schlüsseln?|feldern?)\b|字段|键", re.IGNORECASE)
NAMED_KEY = re.compile(r"['\"`“「](\w+)['\"`”」]")
TYPES = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "num": "number",
    "0.": "number",
    "0": "integer",
    "true": "boolean",
    "false": "boolean",
}


def find_schema(text: str) -> tuple[Schema, str] | None:
    """The last JSON schema of an object that stands in a text, and the text without it.

    Example:
        >>> find_schema('Answer as {"type": "object", "properties": {"a": {}}} please')
        ({'type': 'object', 'properties': {'a': {}}}, 'Answer as  please')
    """
    if any(mark in text for mark in ('"properties"', '"type": "object"', '"$defs"')):
        found = list(_schemas(text))
        if not found and "{{" in text:
            # Some templates leave the braces doubled that they had escaped.
            text = text.replace("{{", "{").replace("}}", "}")
            found = list(_schemas(text))
        for start, end, _ in reversed(found):
            text = text[:start] + text[end:]
        return (found[-1][2], text) if found else None
    return None


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


def _is_schema(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    has_properties = isinstance(value.get("properties"), dict)
    return has_properties or value.get("type") == "object" or ("$defs" in value and "$ref" in value)


def find_form(text: str) -> tuple[Schema, str] | None:
    """The schema of an object whose keys a prompt lists, or shows with types for values."""
    if not IN_JSON.search(text):
        return None
    examples = [found for found in EXAMPLE.finditer(text) if _is_form(found[0])]
    if examples:
        pairs = EXAMPLE_PAIR.findall(examples[-1][0])
        fields = {key: _typed("".join(kinds), note) for key, *kinds, note in pairs}
        return {"properties": fields}, text[: examples[-1].start()] + text[examples[-1].end() :]
    for line in text.splitlines():
        names = NAMED_KEY.findall(line) if KEYS.search(line) else []
        if names:
            return {"properties": {name: _typed("", "") for name in names}}, text
    return None


def _is_form(example: str) -> bool:
    """Whether an object shows what to fill in, rather than being something to answer from."""
    shown = ["".join(kinds) for _, *kinds, _ in EXAMPLE_PAIR.findall(example)]
    return bool(shown) and all(PLACEHOLDER.search(value) for value in shown)


def _typed(kind: str, note: str) -> Schema:
    name = next((to for start, to in TYPES.items() if kind.strip().startswith(start)), "string")
    return {"type": name, "description": f"{note} {kind if '<' in kind else ''}".strip()}


@dataclass
class Filler:
    """Fills a schema, asking for each field on its own.

    Args:
        root: the whole schema, for its ``$ref``.
        answer: the answer in prose.
        question: text for fields that ask for it.
        evidence: the sentences that answer the name and description of a field, best first.
    """

    root: Schema
    answer: str
    question: str
    evidence: Evidence

    def fill(self, schema: object = None, name: str = "", depth: int = 0, path: str = "") -> Any:
        """A valid value; `name` is the property that it is for, `path` what it is part of."""
        schema = self._resolved(self.root if schema is None else schema)
        if "const" in schema:
            return schema["const"]
        field = values.Field(name, str(schema.get("description", "")), path)
        said = self.evidence(field.title, field.about) if name else [self.answer]
        if schema.get("enum"):
            return values.choice(schema["enum"], [*said, self.answer, self.question])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                branch = self._branch(schema[union], depth, said)
                return self.fill({**schema, union: None, **branch}, name, depth, path)
        return self._typed(schema, field, depth, said)

    def _resolved(self, schema: object) -> Schema:
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

    def _branch(self, options: list[Schema], depth: int, said: list[str]) -> Schema:
        """The first that is not null, unless nothing is known or the value is too deep."""
        null = next((option for option in options if option.get("type") == "null"), None)
        other = next((option for option in options if option.get("type") != "null"), options[0])
        scalar = _kind(self._resolved(other)) not in ("object", "array")
        return null if null and (depth >= DEEP or (scalar and not said)) else other

    def _typed(self, schema: Schema, field: values.Field, depth: int, said: list[str]) -> Any:
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, field, depth)
        if kind == "array":
            return self._array(schema, field, depth, said)
        if kind in ("integer", "number"):
            return values.number(schema, kind, field, said, self.question)
        if kind == "boolean":
            return values.is_affirmed(said[0] if said else self.answer)
        return None if kind == "null" else self._string(schema, field, said)

    def _object(self, schema: Schema, field: values.Field, depth: int) -> JsonObject:
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        names = list(properties) if depth < DEEP else [n for n in properties if n in required]
        names += [n for n in required if n not in properties]
        path = f"{field.path} {field.name}".strip()
        return {n: self.fill(properties.get(n, {}), n, depth + 1, path) for n in names}

    def _array(self, schema: Schema, field: values.Field, depth: int, said: list[str]) -> list[Any]:
        def item(part: object) -> Any:
            return self.fill(part, field.name, depth + 1, field.path)

        if schema.get("prefixItems"):
            return [item(part) for part in schema["prefixItems"]]
        low, high = int(schema.get("minItems", 0)), schema.get("maxItems")
        inner = self._resolved(schema.get("items", {}))
        listed = values.listed(said) if _kind(inner) == "string" and "enum" not in inner else []
        count = max(low, 0 if depth >= DEEP else len(listed) or 1)
        count = count if high is None else min(count, int(high))
        items = listed[:count]
        items += [item(inner) for _ in range(count - len(items))]
        return _distinct(items) if schema.get("uniqueItems") else items

    def _string(self, schema: Schema, field: values.Field, said: list[str]) -> str:
        form, best = schema.get("format"), said[0] if said else self.answer
        if form in FORMATS:
            return values.formatted(form, said) or FORMATS[form]
        if "question" in field.name.lower() or "query" in field.name.lower():
            text = self.question or best
        else:
            text = values.text(field, said, self.question) or best
        text = text + "." * max(0, int(schema.get("minLength", 0)) - len(text))
        limit = schema.get("maxLength")
        return text if limit is None else text[: int(limit)]


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


def _distinct(items: list[Any]) -> list[Any]:
    return [
        f"{item} ({number})" if number and isinstance(item, str) else item
        for number, item in enumerate(items)
    ]
