"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from remote_agents.sandbox.mind import values
from remote_agents.sandbox.mind.reading import decoded, spaced
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern, spoken, topics

Schema = dict[str, Any]
DEEP = 6
MARKS = re.compile(r'"properties"|"type": "object"|"\$defs"')
IN_JSON = pattern("(?<![a-z])JSON(?![a-z])")
# An object, or the class that one has: its fields with types, with placeholders or with examples.
EXAMPLE = re.compile(
    r"\{\s*['\"]?\w+['\"]?\??\s*:[^{}]*\}|class \w+\(.*\n(?:[ \t]+\w+ ?: .*(?:\n|$))+"
)
PAIR = re.compile(
    r"['\"]?\b(\w+)['\"]?\??\s*:\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;}]+)[ ,;]*(?:(?://|#)(.*))?"
)
PLACEHOLDER = re.compile(
    r"^[\W0]*$|[<>]|\.\.\.|…|^(?:str|int|float|bool|num|list|array|optional|null|true|false)",
    re.IGNORECASE,
)
TYPES = {
    r"int|-?\d+$": "integer",
    r"float|num|-?\d+\.\d": "number",
    "bool|true|false": "boolean",
    r"list|array|\[": "array",
}
OR = spoken("or")
LIKE_THIS = pattern(rf"{spoken('like this')}\W*\Z")
YES_OR_NO = pattern(rf"({spoken('yes')})\W+(?:{OR}|/) ?\W*({spoken('no')})")
# Keys that are named: in a list, as points with what each is for, or in quotes.
LISTED = rf"((?:\W?\w+\W?(?:, ?|、))+\W?\w+\b(?:\W?,? {OR} \W?\w+)?)"
POINT = r"[ \t]*(?:[-*•]|\d+[.)])[ \t]+\W*(\w+)\W*?(?:[:–-][ \t]*(.*))?(?:\n|$)"
KEYS = pattern(rf"{spoken('keys')}(?:[^.\n]*?{LISTED}|.*\n+((?:{POINT})+)|.*)")
NAMED_KEY = re.compile(r"['\"`“「](\w+)['\"`”」]")


def find_shape(text: str) -> tuple[Schema | None, str]:
    """The schema or form of an object that a text asks for, and the text without it."""
    # Some templates leave the braces doubled that they had escaped.
    single = text.replace("{{", "{").replace("}}", "}")
    return _schema(text) or _schema(single) or _form(text) or (None, text)


def _schema(text: str) -> tuple[Schema, str] | None:
    """The last JSON schema of an object that stands in a text."""
    found, end = None, 0
    for brace in re.finditer(r"\{", text) if MARKS.search(text) else ():
        value, stop = decoded(text, brace.start()) if brace.start() >= end else (None, end)
        if isinstance(value, dict) and _is_schema(value):
            found, end = (value, text[: brace.start()] + text[stop:]), stop
    return found


def _is_schema(value: Schema) -> bool:
    has_properties = isinstance(value.get("properties"), dict)
    return has_properties or value.get("type") == "object" or value.keys() >= {"$defs", "$ref"}


def _form(text: str) -> tuple[Schema, str] | None:
    """The schema of an object that a prompt shows by an example or a class, or by its keys."""
    in_json = IN_JSON.search(text)
    for found in reversed(list(EXAMPLE.finditer(text))):
        pairs = [(key, shown.strip("\"'"), note) for key, shown, note in PAIR.findall(found[0])]
        shows = LIKE_THIS.search(text[: found.start()])
        empty = in_json and all(PLACEHOLDER.search(shown) for _, shown, _ in pairs)
        if pairs and (shows or empty):
            fields = {key: _typed(shown, note) for key, shown, note in pairs}
            return {"properties": fields}, text.replace(found[0], "")
    for found in KEYS.finditer(text) if in_json else ():
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.end()]
        listed = re.findall(r"\w+", re.sub(f" {OR} ", " ", found[1] or ""))
        alone = [(key, "") for key in listed or NAMED_KEY.findall(line)]
        if named := re.findall(POINT, found[2] or "") or alone:
            fields = {key: {"description": note} for key, note in named}
            return {"properties": fields}, text.replace(found[0], "")
    return None


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
    told: Sequence[str] = ()
    unsaid: int = 0

    def fill(self, given: object, title: str = "", depth: int = 0) -> Any:
        """A valid value for the field of a title."""
        schema = self._resolved(given)
        field = Field(title, str(schema.get("description", "")))
        found = self.evidence(field) if topics(" ".join(field)) else []
        said = found if topics(title) else [self.answer, *found]
        if options := [schema["const"]] if "const" in schema else schema.get("enum"):
            asked = self.evidence(Field(" ".join(topics(self.question)), ""))
            return values.choice(options, [*asked, *said, *self.told, self.answer, self.question])
        if graded := YES_OR_NO.search(field.description):
            return graded[2 if values.NOT.search(self.answer) else 1]
        kind = _kind(schema)
        if schema.get("nullable") and (depth >= DEEP if kind == "object" else not said):
            return None
        if kind == "object":
            return self._object(schema, title, depth)
        if kind == "array":
            return self.array(schema, field, depth, said)
        return self.scalar(kind, schema, field, said)

    def _resolved(self, given: object) -> Schema:
        """A schema with what it refers to, and the first of its alternatives that is not null."""
        schema: Schema = dict(given) if isinstance(given, dict) else {}
        parts = [self._target(schema.pop("$ref"))] if "$ref" in schema else []
        for kind, most in (("allOf", None), ("anyOf", 1), ("oneOf", 1)):
            options = schema.pop(kind, [])
            others = [option for option in options if option.get("type") != "null"]
            schema |= {"nullable": True} if len(others) < len(options) else {}
            parts += others[:most]
        for part in map(self._resolved, parts):
            properties = {**part.get("properties", {}), **schema.get("properties", {})}
            schema = {**part, **schema} | ({"properties": properties} if properties else {})
        return schema

    def _target(self, ref: str) -> Any:
        return reduce(lambda value, name: value[name], ref.split("/")[1:], self.root)

    def _object(self, schema: Schema, title: str, depth: int) -> Schema:
        properties, required = schema.get("properties") or {}, schema.get("required") or ()
        names = dict.fromkeys([*(properties if depth < DEEP else ()), *required])
        titles = {name: f"{title} {spaced(name)}".strip() for name in names}
        return {name: self.fill(properties.get(name), titles[name], depth + 1) for name in names}

    def array(self, schema: Schema, field: Field, depth: int, said: list[str]) -> list[Any]:
        """The things that the best sentence lists, or one."""
        inner, listed = self._resolved(schema.get("items")), list[Any]()
        forms = schema.get("prefixItems") or [inner] * int(schema.get("minItems", depth < DEEP))
        if _kind(inner) == "string" and "enum" not in inner:
            listed = values.listed([*said, *self.told])[: schema.get("maxItems")]
        items = listed + [self.fill(each, field.title, depth + 1) for each in forms[len(listed) :]]
        if schema.get("uniqueItems"):
            return [f"{x} ({n})" if n and isinstance(x, str) else x for n, x in enumerate(items)]
        return items

    def scalar(self, kind: str, schema: Schema, field: Field, said: list[str]) -> Any:
        """A number, a text, yes or no."""
        if kind in ("integer", "number"):
            return values.number(schema, kind, field, said or [*self.told], self.question)
        if kind == "boolean":
            return not values.NOT.search([*said, self.answer][0])
        # What no sentence is about takes one after the other.
        others = [*self.told, self.answer]
        first = 0 if said else self.unsaid % len(others)
        self.unsaid += not said
        others = others[first:] + others[:first]
        value = values.text(schema, field, said, others, self.question)
        if kind == "null" or "type" in schema:
            return None if kind == "null" else value
        return values.untyped(value, field, said)


def _kind(schema: Schema) -> str:
    inferred = "object" if "properties" in schema else "array" if "items" in schema else "string"
    kinds = schema.get("type") or inferred
    return kinds if isinstance(kinds, str) else next((k for k in kinds if k != "null"), "null")
