"""Which of the caller's tools a question wants, and with what: by its words, without a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from remote_agents.sandbox.json_types import Arguments, JsonMapping
from remote_agents.sandbox.mind.reading import spaced
from remote_agents.sandbox.mind.words import pattern

Tool = Mapping[str, Any]

_COMMON = (
    "a an the get set do make run use call tool tools function for of to in on and or by with my "
    "your is what show find look up fetch list"
)
COMMON = frozenset(_COMMON.split(" "))
QUOTED = re.compile("[\"'\u201c\u2018\u00ab\u300c](.+?)[\"'\u201d\u2019\u00bb\u300d]")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
NUMBER_IN_CALL = re.compile(r"\(\s*(-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)*)\s*\)")
# What a preposition leads to: "the weather in San Francisco, CA?" is about "San Francisco, CA".
OBJECT = pattern(r"\b(?:in|for|of|at|named|called|about|to)\s+(.+?)[?.!]*\s*$")
USE = pattern(r"\b(?:use|using|call|with)\s+(?:the|a|one of the)\s+(?:\w+\s+)?tools?\b")


def wanted(question: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that a question is about; None if it is about none."""
    named = [tool for tool in tools if re.search(rf"\b{re.escape(tool['name'])}\b", question)]
    if named:
        return named[0]
    words = _words(question) - COMMON
    scored = [(len(words & _words(tool["name"])), -at) for at, tool in enumerate(tools)]
    best, place = max(scored, default=(0, 0))
    if best:
        return tools[-place]
    return tools[0] if tools and USE.search(question) else None


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"[^\W\d_]+", spaced(text))}


def arguments(question: str, tool: Tool) -> Arguments:
    """What to call a tool with, as far as the question says it."""
    form = tool.get("parameters") or {}
    found = _Found(question)
    wanted = form.get("required") or form.get("properties") or ()
    return {name: found.value(_typed(form, name)) for name in wanted}


def _typed(form: JsonMapping, name: str) -> JsonMapping:
    """The schema of a property, which may be a reference or one of several."""
    schema: JsonMapping = (form.get("properties") or {}).get(name) or {}
    if "$ref" in schema:
        return (form.get("$defs") or {}).get(schema["$ref"].rsplit("/", 1)[-1]) or {}
    for choice in schema.get("anyOf") or ():
        if choice.get("type") != "null":
            return {**schema, **choice}
    return schema


class _Found:
    """What stands in a question, each piece taken once."""

    def __init__(self, question: str) -> None:
        inside = NUMBER_IN_CALL.search(question)
        self.question = question
        self.numbers = NUMBER.findall(inside.group(1) if inside else question)
        self.quoted = QUOTED.findall(question)

    def value(self, schema: JsonMapping) -> Any:
        """A value of a schema's type."""
        if options := schema.get("enum"):
            return next((each for each in options if str(each) in self.question), options[0])
        kind = schema.get("type", "string")
        if kind in ("integer", "number"):
            return self._number(kind)
        if kind == "boolean":
            return not re.search(r"\b(?:not|no|false)\b", self.question, re.IGNORECASE)
        if kind == "array":
            return [*map(self._as(schema.get("items") or {}), self.numbers or self.quoted)]
        return {} if kind == "object" else self._text()

    def _as(self, schema: JsonMapping) -> Any:
        return {"integer": int, "number": float}.get(schema.get("type", ""), str)

    def _number(self, kind: str) -> int | float:
        text = self.numbers.pop(0) if self.numbers else "0"
        return int(float(text)) if kind == "integer" else float(text)

    def _text(self) -> str:
        if self.quoted:
            return str(self.quoted.pop(0))
        led = OBJECT.search(self.question)
        return led.group(1) if led else self.question.strip()
