"""Which of the caller's tools a run calls, with what, and what is told of the result.

A question names a tool, or what one is named for; instructions may demand one. The arguments are
the numbers, quotes and objects of the question, or what the documents answer in the tool's form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask, Brain
from remote_agents.sandbox.mind.reading import read, spaced
from remote_agents.sandbox.mind.schema import Filler, Schema
from remote_agents.sandbox.mind.values import Field, nearest
from remote_agents.sandbox.mind.words import pattern, terms
from remote_agents.sandbox.run_input import Run

Tool = Mapping[str, Any]
DEMANDED = re.compile(r"calling one of these tools[^:]*: ([\w, -]+)")
COMMON = frozenset(terms("get set make run call tool show find look list"))
USE = pattern(r"\b(?:use|using|call|with)\s+(?:the|a|one of the)\s+(?:\w+\s+)?tools?\b")
QUOTED = re.compile("[\"'\u201c\u2018\u00ab\u300c](.+?)[\"'\u201d\u2019\u00bb\u300d]")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")
IN_CALL = re.compile(r"\(\s*(-?\d[\d\s,.-]*)\)")
# What a preposition leads to: "the weather in San Francisco, CA?" is about "San Francisco, CA".
OBJECT = pattern(r"\b(?:in|for|of|at|named|called|about|to)\s+(.+?)[?.!]*\s*$")
# Which preposition leads to an argument, by what the argument is called.
LEADS = {"from": r"from\b|origin|source|start", "to": r"to\b|dest|end", "on": r"on\b|date|day|when"}
# What a tool that calculates is called, by the sign between two numbers.
SIGNS = {
    r"[*\u00d7]|times": "mul",
    r"\+|plus": "add|sum|plus",
    r"-|minus": "sub|minus",
    r"[/\u00f7]|divided by": "div",
}


def choose_call(
    brain: Brain, ask: Ask, run: Run, held: Sequence[JsonObject]
) -> tuple[str, Schema] | None:
    """The name and arguments of the call that the question wants, or the instructions.

    Each tool is called once. None if there is nothing to call.
    """
    asked = read(newest_question(held)).question
    called = _names_called(held)
    demanded = _demanded(run, called)
    fits = None if called else _wanted(asked, demanded or run.tools)
    tool = fits or (demanded[-1] if demanded else None)  # the form of an answer stands last
    if tool is None:
        return None
    answered = _answered(brain, ask, tool) if tool in demanded else None
    return tool["name"], answered or _arguments(asked, tool)


def newest_question(messages: Sequence[JsonObject]) -> str:
    """The newest question of a person."""
    return next((m["content"] for m in reversed(messages) if _is_question(m)), "")


def results_as_text(brain: Brain, question: str, results: Sequence[str]) -> str:
    """What the caller's tools gave, as an agent tells it to a person."""
    return "\n".join(f"The tool says: {_answering(brain, question, each)}" for each in results)


def _answering(brain: Brain, question: str, result: str) -> str:
    """What of a tool's result answers the question; all of it where no part does."""
    said = (("user", question), ("tool", result))
    text = brain.answer(Ask([{"role": role, "content": told} for role, told in said])).text
    words = set(terms(text))
    return text if words and words <= set(terms(result)) else result


def is_instruction(message: JsonObject) -> bool:
    """Whether a message instructs the agent; it may come in a user's role."""
    return str(message.get("id")).startswith("system-")


def _is_question(message: JsonObject) -> bool:
    return message["role"] == "user" and not is_instruction(message)


def _names_called(held: Sequence[JsonObject]) -> list[str]:
    """The tools whose results are the newest messages, since the last question."""
    names: list[str] = []
    for message in reversed(held):
        if _is_question(message):
            break
        told = message.get("extra") or message
        names += [call["function"]["name"] for call in told.get("toolCalls") or ()]
    return names


def _demanded(run: Run, called: list[str]) -> list[JsonObject]:
    """The tools of which the instructions demand one, if they do."""
    found = DEMANDED.search(" ".join(told["content"] for told in run.context))
    names = found[1].split(", ") if found else []
    return [tool for tool in run.tools if tool["name"] in names and tool["name"] not in called]


def _wanted(question: str, tools: Sequence[Tool]) -> Tool | None:
    """The tool that a question is about; None if it is about none."""
    named = [tool for tool in tools if re.search(rf"\b{re.escape(tool['name'])}\b", question)]
    words = tuple(term for term in terms(question) if term not in COMMON)
    fitting = nearest(tools, words, lambda tool: spaced(tool["name"]))
    used = tools if USE.search(question) else ()
    return next(iter([*named, *fitting, *_calculating(question, tools), *used]), None)


def _calculating(question: str, tools: Sequence[Tool]) -> list[Tool]:
    """The tools that do what stands between two numbers of a question."""
    signs = (sign for sign in SIGNS if re.search(rf"\d[\s)]*(?:{sign})[\s(]*\d", question))
    return [tool for sign in signs for tool in tools if re.match(SIGNS[sign], tool["name"])]


def _answered(brain: Brain, ask: Ask, tool: Tool) -> Schema | None:
    """What the documents answer, in the form of a tool's arguments; None if they do not."""
    answer = brain.answer(replace(ask, schema=_form(tool)))
    return dict(json.loads(answer.text)) if answer.used else None


def _form(tool: Tool) -> Schema:
    """A tool's parameters; none where they are no JSON schema of an object."""
    form = tool.get("parameters")
    if not isinstance(form, dict) or not isinstance(form.get("properties"), dict | None):
        return {}
    return form


def _arguments(question: str, tool: Tool) -> Schema:
    """What to call a tool with, as far as the question says it."""
    form = _form(tool)
    fields = form.get("properties") or {}
    wanted = {name: fields.get(name) for name in form.get("required") or fields}
    filler = _FromQuestion(form, question, question, lambda _: [question])
    return dict(filler.fill({"properties": wanted}))


class _FromQuestion(Filler):
    """Fills a schema with what stands in a question, each piece taken once."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        inside = IN_CALL.search(self.question)
        self.numbers = NUMBER.findall(inside[1] if inside else self.question)
        self.quoted = QUOTED.findall(self.question)

    def array(self, schema: Schema, field: Field, depth: int, said: list[str]) -> list[Any]:
        count = len(self.numbers or self.quoted)
        return [self.fill(schema.get("items"), field.title, depth) for _ in range(count)]

    def scalar(self, kind: str, schema: Schema, field: Field, said: list[str]) -> Any:
        if kind in ("integer", "number"):
            value = float(self.numbers.pop(0) if self.numbers else 0)
            return int(value) if kind == "integer" else value
        if kind not in ("string", ""):
            return super().scalar(kind, schema, field, said)
        led = self._led_to(field.title) or OBJECT.search(self.question)
        return self.quoted.pop(0) if self.quoted else led[1] if led else self.question.strip()

    def _led_to(self, name: str) -> re.Match[str] | None:
        """What the preposition leads to that is meant by an argument's name."""
        meant = (word for word, names in LEADS.items() if re.match(rf"(?:{names})", name))
        until = rf"(?=\s+(?:{'|'.join(LEADS)}|in|at|for|by)\b|[?.!,]*\s*$)"
        found = (pattern(rf"\b{word}\s+(.+?){until}").search(self.question) for word in meant)
        return next(found, None)
