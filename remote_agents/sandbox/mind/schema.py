"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any

from remote_agents.sandbox.mind import values
from remote_agents.sandbox.mind.reading import decoded, spaced
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern, spoken, terms, topics

Schema = dict[str, Any]
DEEP = 6
MARKS = re.compile(r'"properties"|"type": "object"|"\$defs"')
ARGUMENTS = pattern(r"(?m)\bargs: \{.*\}$")
LIKE_THIS, KEYS, OR = map(spoken, ("like this", "keys", "or"))
IN_JSON = pattern(rf"(?<![a-z])JSON(?![a-z])|{LIKE_THIS}\W*(?:\{{|class )")
# An object, or the lines of a class or of a list, each with a name and what it is for.
SHOWN = pattern(
    rf"(?m)((?:{LIKE_THIS}|{KEYS}[^.\n]{{0,40}}|class \w+\(\w+\):)\W*)?"
    r"(\{\s*['\"]?\w+['\"]?\??\s*:[^{}]*\}"
    r"|(?:^(?:[ \t]+|[ \t]*(?:[-*•]|\d+[.)])[ \t]+)[`*]*\w+[`*]*(?: ?:| [–-]) .*(?:\n|\Z))+)"
)
PAIR = re.compile(
    r"[\"'`*]*\b(\w+)[\"'`*]*\??\s*(?::|[–-] )\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;}]+)"
    r"(?:[,;]?[ \t]*(?://|#))?[ \t]*([^,;}\n]*)"
)
# How a type or a placeholder begins.
TYPES = {
    "int|0$": "integer",
    r"float|num|0\.0": "number",
    "bool|true|false": "boolean",
    r"list|array|\[": "array",
    r"str|optional|null|.*[<>…]|.*\.\.\.|\W*$": "string",
}
# Keys that are only named: in quotes, or one after the other.
NAMED = pattern(rf"{KEYS}(?:[^.\n]*[:：])?([^.\n]*(?:\n+[ \t]*[-*•\d].*)*)")
QUOTED = re.compile(r"['\"`“「](\w+)['\"`”」]")
DIVIDES = pattern(rf"\W*(?:[^\w ]|{OR})\W*")
YES_OR_NO = pattern(rf"({spoken('yes')})[^.]{{0,30}}?(?:{OR}|/) ?\W*({spoken('no')})")


def find_shape(text: str) -> tuple[Schema | None, str]:
    """The schema or form of an object that a text asks for, and the text without it."""
    # What a tool takes is no form of an answer, but may hold one.
    told, arguments = ARGUMENTS.sub("", text), ARGUMENTS.findall(text)
    # Some templates leave the braces doubled that they had escaped.
    single = told.replace("{{", "{").replace("}}", "}")
    found = _schema(told) or _schema(single) or _form(told)
    return (found[0], "\n".join([found[1], *arguments])) if found else (None, text)


def _schema(text: str) -> tuple[Schema, str] | None:
    """The last JSON schema of an object that stands in a text."""
    found, end = None, 0
    for brace in re.finditer(r"\{", text) if MARKS.search(text) else ():
        value, stop = decoded(text, brace.start()) if brace.start() >= end else (None, end)
        if isinstance(value, dict) and _is_schema(value):
            found, end = (value, text[: brace.start()] + text[stop:]), stop
    return found


def _is_schema(value: Schema) -> bool:
    given = "properties" in value or value.keys() >= {"$defs", "$ref"}
    return given or value.get("type") == "object"


def _form(text: str) -> tuple[Schema, str] | None:
    """The schema of an object that a prompt shows, or whose keys it names."""
    if not IN_JSON.search(text):
        return None
    for found in reversed([*SHOWN.finditer(text)]):
        fields = {key: _typed(shown, note) for key, shown, note in PAIR.findall(found[2])}
        typed = found[2][0] == "{" and all("type" in field for field in fields.values())
        if fields and (found[1] or typed):
            return {"properties": fields}, text.replace(found[0], "")
    for found in NAMED.finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.end()]
        listed = [name for name in DIVIDES.split(found[1].strip()) if name.isidentifier()]
        if names := QUOTED.findall(line) or listed[len(listed) == 1 :]:
            return {"properties": dict.fromkeys(names)}, text.replace(found[0], "")
    return None


def _typed(shown: str, note: str) -> Schema:
    """A field of the type that is shown; what is shown in words says what it is for."""
    shown = shown.strip("\"'")
    kinds = [kind for begins, kind in TYPES.items() if re.match(begins, shown.lower().lstrip("<"))]
    told = note if kinds and " " not in shown else f"{shown} {note}"
    return {"description": told} | ({"type": kinds[0]} if kinds else {})


@dataclass
class Filler:
    """Fills a schema, each field from the sentences that answer its name and description."""

    root: Schema
    answer: str
    question: str
    evidence: Callable[[Field], list[str]]
    told: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.others = deque([self.answer, *self.told])

    def fill(self, given: object, title: str = "", depth: int = 0) -> Any:
        """A valid value for the field of a title."""
        schema = self._resolved(given)
        kind, field = _kind(schema), Field(title, str(schema.get("description", "")))
        found = self.evidence(field)
        said = found if topics(title) else [self.answer, *found]
        if options := [schema["const"]] if "const" in schema else schema.get("enum"):
            asked = self.evidence(Field(" ".join(topics(self.question)), ""))
            return values.choice(options, [*asked, *said, *self.others, self.question])
        unsaid = depth >= DEEP if kind == "object" else not said
        if kind == "null" or (unsaid and "nullable" in schema):
            named = kind == "string" and terms(title)[-1:] == terms("name")  # no word tells of it
            return values.piece(field, [], [*self.others], "") if named else None
        if kind == "object":
            return self._object(schema, title, depth)
        if kind == "array":
            return self.array(schema, field, depth, said)
        return self.scalar(kind, schema, field, said)

    def _resolved(self, given: object) -> Schema:
        """A schema with what it refers to, and the first of its alternatives that is not null."""
        schema: Schema = dict(given) if isinstance(given, dict) else {}
        path = schema.pop("$ref", "").split("/")
        parts = [reduce(getitem, path[1:], self.root)] if path[0] else []
        either = schema.pop("anyOf", []) + schema.pop("oneOf", [])
        options = [option for option in either if option.get("type") != "null"]
        parts += schema.pop("allOf", []) + options[:1]
        null = len(options) < len(either) or "null" in str(schema.get("type"))
        schema |= {"nullable": True} if null else {}
        for part in map(self._resolved, parts):
            properties = part.get("properties", {}) | schema.get("properties", {})
            schema = part | schema | ({"properties": properties} if properties else {})
        return schema

    def _object(self, schema: Schema, title: str, depth: int) -> Schema:
        properties, required = schema.get("properties") or {}, schema.get("required") or ()
        names = dict.fromkeys([*(properties if depth < DEEP else ()), *required])
        titles = {name: f"{title} {spaced(name)}".strip() for name in names}
        return {name: self.fill(properties.get(name), titles[name], depth + 1) for name in names}

    def array(self, schema: Schema, field: Field, depth: int, said: list[str]) -> list[Any]:
        """The things that the best sentence lists, or one."""
        inner, items = self._resolved(schema.get("items")), list[Any]()
        forms = schema.get("prefixItems") or [inner] * int(schema.get("minItems", depth < DEEP))
        if _kind(inner) == "string" and "enum" not in inner:
            items += values.listed([*said, *self.others])[: schema.get("maxItems")]
        items += [self.fill(each, field.title, depth + 1) for each in forms[len(items) :]]
        if schema.get("uniqueItems"):
            return [f"{x} ({n})" if n and isinstance(x, str) else x for n, x in enumerate(items)]
        return items

    def scalar(self, kind: str, schema: Schema, field: Field, said: list[str]) -> Any:
        """A number, a text, yes or no."""
        kind = kind or values.guessed(field, [*said, *self.others])
        if kind in ("integer", "number"):
            return values.number(schema, kind, field, said or [*self.others], self.question)
        graded = YES_OR_NO.search(field.description)
        so = not values.NOT.search([*([] if graded else said), self.answer][0])
        if kind == "boolean" or graded:
            return graded[1 if so else 2] if graded else so
        if not said:  # what no sentence is about takes one after the other
            self.others.rotate(-1)
        return values.text(schema, field, said, [*self.others], self.question)


def _kind(schema: Schema) -> str:
    inferred = "object" if "properties" in schema else "array" if "items" in schema else ""
    kinds = schema.get("type") or inferred
    return kinds if isinstance(kinds, str) else next((k for k in kinds if k != "null"), "null")
