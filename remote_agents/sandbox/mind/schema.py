"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from remote_agents.sandbox.mind import values
from remote_agents.sandbox.mind.reading import decoded
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern

Schema = dict[str, Any]
Evidence = Callable[[Field], list[str]]
DEEP = 6
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

    def fill(self, given: object, name: str = "", path: str = "", depth: int = 0) -> Any:
        """A valid value; `name` is the property that it is for, `path` what it is part of."""
        schema = self._resolved(given)
        if "const" in schema:
            return schema["const"]
        field = Field(name, str(schema.get("description", "")), path)
        said = self.evidence(field) if name else [self.answer]
        if schema.get("enum"):
            return values.choice(schema["enum"], [*said, self.answer, self.question])
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, f"{path} {name}".strip(), depth)
        if kind == "array":
            return self.array(schema, field, depth, said)
        if schema.get("nullable") and not said:
            return None
        return self.scalar(kind, schema, field, said)

    def _resolved(self, given: object) -> Schema:
        """A schema without references and alternatives: the first that is not null."""
        schema: Schema = dict(given) if isinstance(given, dict) else {}
        for _ in range(20):
            if "$ref" in schema:
                schema = {**self._target(schema.pop("$ref")), **schema}
        parts = list(schema.pop("allOf", ()))
        for options in (schema.pop("anyOf", ()), schema.pop("oneOf", ())):
            others = [option for option in options if option.get("type") != "null"]
            schema |= {"nullable": True} if len(others) < len(options) else {}
            parts += others[:1]
        for part in map(self._resolved, parts):
            properties = {**part.get("properties", {}), **schema.get("properties", {})}
            schema = {**part, **schema} | ({"properties": properties} if properties else {})
        return schema

    def _target(self, ref: str) -> Schema:
        value: Any = self.root
        for part in filter(None, ref.lstrip("#").split("/")):
            value = value.get(part.replace("~1", "/").replace("~0", "~"), {})
        return value if isinstance(value, dict) else {}

    def _object(self, schema: Schema, path: str, depth: int) -> Any:
        if schema.get("nullable") and depth >= DEEP:
            return None
        properties, required = schema.get("properties") or {}, schema.get("required") or []
        names = [name for name in properties if depth < DEEP or name in required]
        return {
            name: self.fill(properties.get(name, {}), name, path, depth + 1)
            for name in dict.fromkeys([*names, *required])
        }

    def array(self, schema: Schema, field: Field, depth: int, said: Sequence[str]) -> list[Any]:
        """The things that the best sentence lists, or one."""
        inner, listed = self._resolved(schema.get("items", {})), list[Any]()
        forms = schema.get("prefixItems") or [inner] * int(schema.get("minItems", depth < DEEP))
        if _kind(inner) == "string" and "enum" not in inner:
            listed = values.listed(said)[: schema.get("maxItems")]
        rest = forms[len(listed) :]
        items = listed + [self.fill(each, field.name, field.path, depth + 1) for each in rest]
        if schema.get("uniqueItems"):
            return [f"{x} ({n})" if n and isinstance(x, str) else x for n, x in enumerate(items)]
        return items

    def scalar(self, kind: str, schema: Schema, field: Field, said: Sequence[str]) -> Any:
        """A number, a text, yes or no."""
        if kind in ("integer", "number"):
            return values.number(schema, kind, field, said, self.question)
        best = said[0] if said else self.answer
        if kind == "boolean":
            return values.is_affirmed(best)
        return None if kind == "null" else values.text(schema, field, said or [best], self.question)


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    inferred = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind or inferred)
