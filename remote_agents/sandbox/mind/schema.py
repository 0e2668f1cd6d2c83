"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from remote_agents.sandbox.mind import values
from remote_agents.sandbox.mind.reading import decoded
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern

Schema = dict[str, Any]
DEEP = 6
MARKS = re.compile(r'"properties"|"type": "object"|"\$defs"')
IN_JSON = pattern(r"\bJSON\b")
EXAMPLE = re.compile(r"\{\s*['\"]\w+['\"]\s*:[^{}\[\]]*\}")
PAIR = re.compile(
    r"['\"]?\b(\w+)['\"]?\s*:\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s,}]+)[ \t,]*(?://[ \t]*(.*))?"
)
PLACEHOLDER = re.compile(r"^[\W0]*$|[<>]|\.\.\.|…|^(?:str|int|float|bool|num|list|null|true|false)")
TYPES = {r"int|0$": "integer", r"float|num|0\.": "number", "bool|true|false": "boolean"}
KEYS = pattern(r"\b(?:keys?|fields?|properties|schlüsseln?|feldern?)\b|字段|键")
NAMED_KEY = re.compile(r"['\"`“「](\w+)['\"`”」]")


def find_shape(text: str) -> tuple[Schema | None, str]:
    """The schema or form of an object that a text asks for, and the text without it."""
    # Some templates leave the braces doubled that they had escaped.
    for each in (text, text.replace("{{", "{").replace("}}", "}")):
        found = list(_schemas(each)) if MARKS.search(each) else []
        for start, end, _ in reversed(found):
            each = each[:start] + each[end:]
        if found:
            return found[-1][2], each
    return _form(text) if IN_JSON.search(text) else (None, text)


def _schemas(text: str) -> Iterator[tuple[int, int, Schema]]:
    end = 0
    for brace in re.finditer(r"\{", text):
        value, stop = decoded(text, brace.start()) if brace.start() >= end else (None, end)
        if isinstance(value, dict) and _is_schema(value):
            end = stop
            yield brace.start(), end, value


def _is_schema(value: Schema) -> bool:
    has_properties = isinstance(value.get("properties"), dict)
    return has_properties or value.get("type") == "object" or value.keys() >= {"$defs", "$ref"}


def _form(text: str) -> tuple[Schema | None, str]:
    """The schema of an object whose keys a prompt lists, or shows with types for values."""
    for found in reversed(list(EXAMPLE.finditer(text))):
        pairs = [(key, shown.strip("\"'"), note) for key, shown, note in PAIR.findall(found[0])]
        if all(PLACEHOLDER.search(shown) for _, shown, _ in pairs):
            fields = {key: _typed(shown, note) for key, shown, note in pairs}
            return {"properties": fields}, text[: found.start()] + text[found.end() :]
    for line in filter(KEYS.search, text.splitlines()):
        if names := NAMED_KEY.findall(line):
            return {"properties": {name: {} for name in names}}, text
    return None, text


def _typed(shown: str, note: str) -> Schema:
    name = next((name for starts, name in TYPES.items() if re.match(starts, shown)), "string")
    return {"type": name, "description": f"{note} {shown if '<' in shown else ''}".strip()}


@dataclass
class Filler:
    """Fills a schema, each field from the sentences that answer its name and description."""

    root: Schema
    answer: str
    question: str
    evidence: Callable[[Field], list[str]]

    def fill(self, given: object, path: tuple[str, ...] = ()) -> Any:
        """A valid value for the property that a path of names leads to."""
        schema = self._resolved(given)
        field = Field(path, str(schema.get("description", "")))
        said = self.evidence(field) if path else [self.answer]
        if options := [schema["const"]] if "const" in schema else schema.get("enum"):
            return values.choice(options, [*said, self.answer, self.question])
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, path)
        if kind == "array":
            return self.array(schema, field, said)
        if schema.get("nullable") and not said:
            return None
        return self.scalar(kind, schema, field, said)

    def _resolved(self, given: object) -> Schema:
        """A schema with what it refers to, and the first of its alternatives that is not null."""
        schema: Schema = dict(given) if isinstance(given, dict) else {}
        parts = [self._target(schema.pop("$ref"))] if "$ref" in schema else []
        parts += schema.pop("allOf", ())
        for options in (schema.pop("anyOf", ()), schema.pop("oneOf", ())):
            others = [option for option in options if option.get("type") != "null"]
            schema |= {"nullable": True} if len(others) < len(options) else {}
            parts += others[:1]
        for part in map(self._resolved, parts):
            properties = {**part.get("properties", {}), **schema.get("properties", {})}
            schema = {**part, **schema} | ({"properties": properties} if properties else {})
        return schema

    def _target(self, ref: str) -> Any:
        names = (name.replace("~1", "/").replace("~0", "~") for name in ref.split("/")[1:])
        return reduce(lambda value, name: value[name], names, self.root)

    def _object(self, schema: Schema, path: tuple[str, ...]) -> Schema | None:
        properties, required = schema.get("properties") or {}, schema.get("required") or ()
        if schema.get("nullable") and len(path) >= DEEP:
            return None
        names = dict.fromkeys([*(properties if len(path) < DEEP else ()), *required])
        return {name: self.fill(properties.get(name), (*path, name)) for name in names}

    def array(self, schema: Schema, field: Field, said: Sequence[str]) -> list[Any]:
        """The things that the best sentence lists, or one."""
        inner, listed = self._resolved(schema.get("items")), list[Any]()
        least = int(schema.get("minItems", len(field.path) < DEEP))
        if _kind(inner) == "string" and "enum" not in inner:
            listed = values.listed(said)[: schema.get("maxItems")]
        rest = (schema.get("prefixItems") or [inner] * least)[len(listed) :]
        items = listed + [self.fill(each, field.path) for each in rest]
        if schema.get("uniqueItems"):
            return [f"{x} ({n})" if n and isinstance(x, str) else x for n, x in enumerate(items)]
        return items

    def scalar(self, kind: str, schema: Schema, field: Field, said: Sequence[str]) -> Any:
        """A number, a text, yes or no."""
        if kind in ("integer", "number"):
            return values.number(schema, kind, field, said, self.question)
        said = said or [self.answer]
        if kind == "boolean":
            return values.is_affirmed(said[0])
        return None if kind == "null" else values.text(schema, field, said, self.question)


def _kind(schema: Schema) -> str:
    inferred = "object" if "properties" in schema else "array" if "items" in schema else "string"
    kinds = schema.get("type") or inferred
    return kinds if isinstance(kinds, str) else next((k for k in kinds if k != "null"), "null")
