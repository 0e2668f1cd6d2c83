"""A JSON value that is valid for a JSON schema, each field from the sentence that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from operator import getitem
from typing import Any

from remote_agents.sandbox.mind import values
from remote_agents.sandbox.mind.reading import decoded, spaced
from remote_agents.sandbox.mind.values import Field
from remote_agents.sandbox.mind.words import pattern, spoken, terms, topics

Schema = dict[str, Any]
DEEP = 6
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
TYPE = re.compile(
    r"<?(?i:(?P<integer>int|0$)|(?P<number>float|num|0\.0)|(?P<boolean>bool|true|false)"
    r"|(?P<array>list|array|\[)|(?P<string>str|optional|null|.*[<>…]|.*\.\.\.|\W*$))"
)
# Keys that are only named: in quotes, or one after the other.
NAMED = pattern(rf"{KEYS}(?:[^.\n]*[:：])?([^.\n]*(?:\n+[ \t]*[-*•\d].*)*)")
QUOTED = re.compile(r"['\"`“「](\w+)['\"`”」]")
# What pydantic says of a field.
WRONG = re.compile(r"(\w+): (?:Input should be a valid (\w+)|Field required)")
DIVIDES = pattern(rf"\W*(?:[^\w ]|{OR})\W*")
YES_OR_NO = pattern(rf"({spoken('yes')})[^.]{{0,30}}?(?:{OR}|/) ?\W*({spoken('no')})")


def find_shape(text: str) -> tuple[Schema | None, str]:
    """The schema or form of an object that a text asks for, and the text without it."""
    # Some templates leave the braces doubled that they had escaped.
    single = re.sub(r"([{}])\1", r"\1", text) if re.search(r'\{\{\s*"', text) else text
    # What a tool takes is no form of an answer, but may hold one.
    told, arguments = ARGUMENTS.sub("", single), ARGUMENTS.findall(single)
    forms = _forms(told) if IN_JSON.search(told) else ()
    schema, shown = next(chain(reversed([*_schemas(told)]), forms), (None, ""))
    return schema, "\n".join([told.replace(shown, ""), *arguments]) if schema else text


def corrected(schema: Schema, complaint: str) -> Schema | None:
    """A form whose fields have the types that a complaint names; None if it names no field."""
    fields = schema.get("properties", {})
    wrong = {name: kind for name, kind in WRONG.findall(complaint) if name in fields}
    typed = {name: _typed(kind, "") for name, kind in wrong.items() if kind}
    return schema | {"properties": fields | typed} if wrong else None


def _schemas(text: str) -> Iterator[tuple[Schema, str]]:
    """The JSON schemas of objects that stand in a text, each with how it is written."""
    end = 0
    for brace in re.finditer(r"\{", text):
        value, stop = decoded(text, brace.start()) if brace.start() >= end else (None, end)
        match value:
            case dict({"type": "object"} | {"properties": _} | {"$defs": _}):
                yield value, text[brace.start() : (end := stop)]


def _forms(text: str) -> Iterator[tuple[Schema, str]]:
    """The schemas of objects that a prompt shows, or whose keys it names, the likely first."""
    for found in reversed([*SHOWN.finditer(text)]):
        fields = {key: _typed(shown, note) for key, shown, note in PAIR.findall(found[2])}
        typed = found[2][0] == "{" and all("type" in field for field in fields.values())
        if fields and (found[1] or typed):
            yield {"properties": fields}, found[0]
    for found in NAMED.finditer(text):
        line = text[text.rfind("\n", 0, found.start()) + 1 : found.end()]
        listed = [name for name in DIVIDES.split(found[1].strip()) if name.isidentifier()]
        if names := QUOTED.findall(line) or listed[len(listed) == 1 :]:
            yield {"properties": dict.fromkeys(names)}, found[0]


def _typed(shown: str, note: str) -> Schema:
    """A field of the type that is shown; what is shown in words says what it is for."""
    shown = shown.strip("\"'")
    kind = TYPE.match(shown)
    told = note if kind and " " not in shown else f"{shown} {note}"
    return {"description": told} | ({"type": kind.lastgroup} if kind else {})


@dataclass
class Filler:
    """Fills a schema, each field from the sentences that answer its name and description."""

    root: Schema
    answer: str
    question: str
    evidence: Callable[[Field], list[str]]
    told: Sequence[str] = ()

    def fill(self, given: object, title: str = "", depth: int = 0) -> Any:
        """A valid value for the field of a title."""
        schema = self._resolved(given)
        inferred = "object" if "properties" in schema else "array" if "items" in schema else ""
        kind = schema.get("type") or inferred
        field = Field(title, str(schema.get("description", "")))
        said = [*([] if topics(title) else [self.answer]), *self.evidence(field)]
        if options := schema.get("enum", [schema["const"]] if "const" in schema else []):
            asked = self.evidence(Field(" ".join(topics(self.question)), ""))
            return values.choice(options, [*asked, *said, *self.told, self.answer, self.question])
        unsaid = depth >= DEEP if kind == "object" else not said
        named = kind == "string" and terms(title)[-1:] == terms("name")  # no word tells of it
        shown = named and values.NAMES.search("\n".join(self.told))
        if kind == "null" or (unsaid and not shown and "nullable" in schema):
            return None
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
        if isinstance(schema.get("type"), list):
            either += [{"type": kind} for kind in schema.pop("type")]
        options = [option for option in either if option.get("type") != "null"]
        parts += schema.pop("allOf", []) + options[:1]
        schema |= {"nullable": True} if len(options) < len(either) else {}
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
        inner = self._resolved(schema.get("items"))
        forms = schema.get("prefixItems") or [inner] * int(schema.get("minItems", depth < DEEP))
        free = inner.get("type") == "string" and "enum" not in inner
        items: list[Any] = values.listed([*said, *self.told]) if free else []
        items = items[: schema.get("maxItems")]
        items += [self.fill(each, field.title, depth + 1) for each in forms[len(items) :]]
        if schema.get("uniqueItems"):
            return [f"{x} ({n})" if x in items[:n] else x for n, x in enumerate(items)]
        return items

    def scalar(self, kind: str, schema: Schema, field: Field, said: list[str]) -> Any:
        """A number, a text, yes or no."""
        known = [*said, *self.told, self.answer]
        kind = kind or values.guessed(field, known)
        if kind in ("integer", "number"):
            return values.number(schema, kind, field, said or [self.answer, *known], self.question)
        graded = YES_OR_NO.search(field.description)
        if kind == "boolean" or graded:
            yes, no = graded.groups() if graded else (True, False)
            best = [*([] if graded else said), self.answer][0]
            return yes if best and not values.NOT.search(best) else no
        if not said:  # what no sentence is about takes one after the other
            self.told = [*self.told[1:], *self.told[:1]]
        return values.text(schema, field, said, known, self.question)
