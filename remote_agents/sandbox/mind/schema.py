"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind import values
from remote_agents.sandbox.mind.reading import decoded
from remote_agents.sandbox.mind.words import pattern

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
    "duration": "P1D",
}
MARKS = re.compile(r'"properties"|"type": "object"|"\$defs"')
IN_JSON = pattern(r"\bJSON\b")
EXAMPLE = re.compile(r"\{\s*['\"]\w+['\"]\s*:[^{}\[\]]*\}")
PAIR = re.compile(
    r"['\"](\w+)['\"]\s*:\s*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s,}]+))[ \t,]*(?://[ \t]*(.*))?"
)
PLACEHOLDER = re.compile(r"^[\W0]*$|[<>]|\.\.\.|…|^(?:str|int|float|bool|num|list|null|true|false)")
TYPES = {r"int|0$": "integer", r"float|num|0\.": "number", "bool|true|false": "boolean"}
KEYS = pattern(r"\b(?:keys?|fields?|properties|schlüsseln?|feldern?)\b|字段|键")
NAMED_KEY = re.compile(r"['\"`“「](\w+)['\"`”」]")


def find_shape(text: str) -> tuple[Schema, str] | None:
    """The schema or form of an object that a text asks for, and the text without it."""
    return find_schema(text) or (_form(text) if IN_JSON.search(text) else None)


def find_schema(text: str) -> tuple[Schema, str] | None:
    """The last JSON schema of an object that stands in a text, and the text without it."""
    # Some templates leave the braces doubled that they had escaped.
    for each in (text, text.replace("{{", "{").replace("}}", "}")):
        found = list(_schemas(each)) if MARKS.search(each) else []
        for start, end, _ in reversed(found):
            each = each[:start] + each[end:]
        if found:
            return found[-1][2], each
    return None


def _schemas(text: str) -> Iterator[tuple[int, int, Schema]]:
    at = 0
    while (at := text.find("{", at)) >= 0:
        value, end = decoded(text, at)
        if isinstance(value, dict) and _is_schema(value):
            yield at, end, value
            at = end
        at += 1


def _is_schema(value: Schema) -> bool:
    has_properties = isinstance(value.get("properties"), dict)
    return has_properties or value.get("type") == "object" or value.keys() >= {"$defs", "$ref"}


def _form(text: str) -> tuple[Schema, str] | None:
    """The schema of an object whose keys a prompt lists, or shows with types for values."""
    for found in reversed(list(EXAMPLE.finditer(text))):
        pairs = [(key, "".join(kinds), note) for key, *kinds, note in PAIR.findall(found[0])]
        if all(PLACEHOLDER.search(kind) for _, kind, _ in pairs):
            fields = {key: _typed(kind, note) for key, kind, note in pairs}
            return {"properties": fields}, text[: found.start()] + text[found.end() :]
    for line in filter(KEYS.search, text.splitlines()):
        if names := NAMED_KEY.findall(line):
            return {"properties": {name: _typed("", "") for name in names}}, text
    return None


def _typed(kind: str, note: str) -> Schema:
    name = next((name for starts, name in TYPES.items() if re.match(starts, kind)), "string")
    return {"type": name, "description": f"{note} {kind if '<' in kind else ''}".strip()}


@dataclass
class Filler:
    """Fills a schema, each field from the sentences that answer its name and description."""

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
        said = self.evidence(field.title, field.description) if name else [self.answer]
        if schema.get("enum"):
            return values.choice(schema["enum"], [*said, self.answer, self.question])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
                branch = self._branch(schema[union], depth, said)
                return self.fill({**schema, union: None, **branch}, name, depth, path)
        return self._typed(schema, field, depth, said)

    def _resolved(self, given: object) -> Schema:
        schema: Schema = dict(given) if isinstance(given, dict) else {}
        for _ in range(20):
            if "$ref" in schema:
                schema = {**self._target(schema.pop("$ref")), **schema}
        for part in map(self._resolved, schema.pop("allOf", ())):
            properties = {**part.get("properties", {}), **schema.get("properties", {})}
            schema = {**part, **schema} | ({"properties": properties} if properties else {})
        return schema

    def _target(self, ref: str) -> Schema:
        value: Any = self.root
        for part in filter(None, ref.lstrip("#").split("/")):
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
            return self.array(schema, field, depth, said)
        if kind in ("integer", "number"):
            return self.number(schema, field, said)
        if kind == "boolean":
            return values.is_affirmed(said[0] if said else self.answer)
        return None if kind == "null" else self.string(schema, field, said)

    def _object(self, schema: Schema, field: values.Field, depth: int) -> JsonObject:
        properties, required = schema.get("properties") or {}, schema.get("required") or []
        names = [name for name in properties if depth < DEEP or name in required]
        path = f"{field.path} {field.name}".strip()
        return {
            name: self.fill(properties.get(name, {}), name, depth + 1, path)
            for name in dict.fromkeys([*names, *required])
        }

    def array(self, schema: Schema, field: values.Field, depth: int, said: list[str]) -> list[Any]:
        """The things that the best sentence lists, or one."""
        inner, listed = self._resolved(schema.get("items", {})), list[Any]()
        forms = schema.get("prefixItems") or [inner] * int(schema.get("minItems", depth < DEEP))
        if _kind(inner) == "string" and "enum" not in inner:
            listed = values.listed(said)[: schema.get("maxItems")]
        items = listed + [
            self.fill(form, field.name, depth + 1, field.path) for form in forms[len(listed) :]
        ]
        if schema.get("uniqueItems"):
            return [f"{x} ({n})" if n and isinstance(x, str) else x for n, x in enumerate(items)]
        return items

    def number(self, schema: Schema, field: values.Field, said: list[str]) -> int | float:
        """The number with the unit of the field."""
        return values.number(schema, _kind(schema), field, said, self.question)

    def string(self, schema: Schema, field: values.Field, said: list[str]) -> str:
        """What the field's name looks for, as long as it has to be."""
        form, best = schema.get("format"), said[0] if said else self.answer
        if form in FORMATS:
            return values.formatted(form, said) or FORMATS[form]
        if re.search("question|query", field.name.lower()):
            text = self.question or best
        else:
            text = values.text(field, said, self.question) or best
        return text.ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    inferred = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind or inferred)
