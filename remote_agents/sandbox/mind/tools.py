"""Which of the caller's tools a question wants, and with what: by its words, without a model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from remote_agents.sandbox.mind.reading import spaced
from remote_agents.sandbox.mind.schema import Filler, Schema
from remote_agents.sandbox.mind.values import Field, nearest
from remote_agents.sandbox.mind.words import pattern, terms

Tool = Mapping[str, Any]

COMMON = frozenset(terms("get set make run call tool show find look list"))
QUOTED = re.compile("[\"'\u201c\u2018\u00ab\u300c](.+?)[\"'\u201d\u2019\u00bb\u300d]")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
IN_CALL = re.compile(r"\(\s*(-?\d[\d\s,.-]*)\)")
# What a preposition leads to: "the weather in San Francisco, CA?" is about "San Francisco, CA".
OBJECT = pattern(r"\b(?:in|for|of|at|named|called|about|to)\s+(.+?)[?.!]*\s*$")
USE = pattern(r"\b(?:use|using|call|with)\s+(?:the|a|one of the)\s+(?:\w+\s+)?tools?\b")


def wanted(question: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that a question is about; None if it is about none."""
    named = [tool for tool in tools if re.search(rf"\b{re.escape(tool['name'])}\b", question)]
    words = set(terms(question)) - COMMON
    fitting = nearest(tools, words, lambda tool: spaced(tool["name"]))
    return next(iter([*named, *fitting, *(tools if USE.search(question) else ())]), None)


def arguments(question: str, tool: Tool) -> Schema:
    """What to call a tool with, as far as the question says it."""
    form = tool.get("parameters") or {}
    fields = form.get("properties") or {}
    wanted = {name: fields.get(name) for name in form.get("required") or fields}
    filled = _Arguments(form, question, question, lambda _: [question]).fill({"properties": wanted})
    return dict(filled)


class _Arguments(Filler):
    """Fills a schema with what stands in a question, each piece taken once."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        inside = IN_CALL.search(self.question)
        self.numbers = NUMBER.findall(inside[1] if inside else self.question)
        self.quoted = QUOTED.findall(self.question)

    def array(self, schema: Schema, field: Field, depth: int, said: Sequence[str]) -> list[Any]:
        count = len(self.numbers or self.quoted)
        return [self.fill(schema.get("items"), field.title, depth) for _ in range(count)]

    def scalar(self, kind: str, schema: Schema, field: Field, said: Sequence[str]) -> Any:
        if kind in ("integer", "number"):
            value = float(self.numbers.pop(0) if self.numbers else 0)
            return int(value) if kind == "integer" else value
        if kind != "string":
            return super().scalar(kind, schema, field, said)
        led = OBJECT.search(self.question)
        return self.quoted.pop(0) if self.quoted else led[1] if led else self.question.strip()
