"""A choice among the options of a prompt, as JSON in the form of the prompt's own example.

Routers show numbered choices, planners a JSON object of tools; both show the wanted answer by an
example instead of a schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from remote_agents.sandbox.json_types import Arguments, JsonObject
from remote_agents.sandbox.mind.reading import parts_of, read
from remote_agents.sandbox.mind.words import terms

Weight = Callable[[str], float]

JSON_TALK = re.compile(r"\bJSON\b|\bschema\b", re.IGNORECASE)
CHOOSE = re.compile(r"\b(?:choices?|choose|select|options?|tools?)\b", re.IGNORECASE)
NUMBERED = re.compile(r"^[ \t]*(?:\((\d+)\)|(\d+)[.)])[ \t]+(.+)$", re.MULTILINE)
FENCED = re.compile(r"^```json\s*(\{.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
OBJECT = re.compile(r"\{[^{}]*\}")
PAIR = re.compile(r'"?(\w+)"?[ \t]*:[ \t]*(?:"((?:[^"\\]|\\.)*)"|(\w+))')
AT_MOST = re.compile(r"\b(?:no more than|at most|up to) (\d+)", re.IGNORECASE)
A_LIST = re.compile(r"\b(?:output|return|give|write) a list\b", re.IGNORECASE)
WRAPPED = re.compile(r'"(\w+)"\s*:\s*\[\s*\{')
NEEDED = 0.3


@dataclass(frozen=True)
class Option:
    """What can be chosen: its number or name, and the description to choose it by."""

    key: int | str
    text: str

    @property
    def words(self) -> frozenset[str]:
        """The terms of its name and description."""
        return frozenset(terms(f"{self.key} {self.text}".replace("_", " ")))


def choose(text: str, weight: Weight) -> str | None:
    """What a prompt's question chooses among the prompt's options; None if it asks for no choice.

    Args:
        text: the prompt.
        weight: how telling a term is.

    Example:
        >>> prompt = '''Select a choice: (see below)
        ... (1) About dogs.
        ... (2) About cats.
        ... Question: What do cats eat?
        ... Only JSON such as {"choice": 1}'''
        >>> choose(prompt, lambda term: 1.0)
        '{"choice": 2}'
    """
    if not (JSON_TALK.search(text) and CHOOSE.search(text)):
        return None
    question = read(text).question
    before, after = _around(question, text)
    options, before = _options(before)
    form = f"{before}\n{after}"
    keys = _form(form, options)
    if not keys:
        return None
    chosen = _needed(question, options, weight)[: _limit(form, len(options))]
    items = [_filled(keys, option, question, weight) for option in chosen]
    return _dressed(items, form)


def _around(question: str, text: str) -> tuple[str, str]:
    """What stands before and after the question, which may be a word that stands elsewhere too."""
    found = list(re.finditer(rf"(?<=['\":>\s]){re.escape(question)}(?=['\"<\s]|$)", text))
    return (text[: found[-1].start()], text[found[-1].end() :]) if found else (text, "")


def _options(text: str) -> tuple[list[Option], str]:
    """The numbered choices, else the entries of the last JSON object in a code block; the rest."""
    numbered: list[Option] = []
    for match in NUMBERED.finditer(text):
        if int(match[1] or match[2]) == len(numbered) + 1:
            numbered.append(Option(len(numbered) + 1, match[3]))
    if numbered:
        return numbered, NUMBERED.sub("", text)
    *_, block = (None, *FENCED.finditer(text))
    try:
        named = json.loads(block[1]) if block else {}
    except ValueError:
        named = {}
    options = [Option(name, str(said)) for name, said in named.items()]
    return options, text[: block.start()] + text[block.end() :] if block else text


def _form(text: str, options: list[Option]) -> dict[str, bool]:
    """The keys of one item of the example, each with whether the chosen option stands there."""
    objects = [PAIR.findall(found) for found in OBJECT.findall(text)]
    names = {key for key, *_ in PAIR.findall(text)}
    numbered = bool(options) and isinstance(options[0].key, int)
    for pairs in objects if options else ():
        keys = {key: word.isdigit() if numbered else quoted in names for key, quoted, word in pairs}
        if any(keys.values()):
            return keys
    return {}


def _needed(question: str, options: list[Option], weight: Weight) -> list[Option]:
    """The best option, and each further one that covers a good part of what the others leave."""
    left, pool, chosen, first = set(terms(question)), list(options), [], 0.0
    while pool:
        best = max(pool, key=lambda option: _covered(left, option, weight))
        gain = _covered(left, best, weight)
        if gain <= NEEDED * first:
            break
        first = first or gain
        left -= best.words
        pool.remove(best)
        chosen.append(best)
    return chosen or options


def _covered(words: set[str], option: Option, weight: Weight) -> float:
    return sum(weight(word) for word in words & option.words)


def _limit(text: str, count: int) -> int:
    """How many may be chosen: as many as a prompt says, all for a list, else one."""
    if at_most := AT_MOST.search(text):
        return max(1, int(at_most[1]))
    return count if A_LIST.search(text) else 1


def _filled(keys: dict[str, bool], option: Option, question: str, weight: Weight) -> Arguments:
    part = _part(question, option, weight)
    return {
        key: option.key if is_choice else part if "question" in key else f"It fits: {option.text}"
        for key, is_choice in keys.items()
    }


def _part(question: str, option: Option, weight: Weight) -> str:
    """The part of a question with several that an option can answer."""
    parts = parts_of(question)
    best = max(parts, key=lambda part: _covered(set(terms(part)), option, weight))
    if len(parts) == 1 or not _covered(set(terms(best)), option, weight):
        return question
    return f"{best[:1].upper()}{best[1:]}?"


def _dressed(items: list[JsonObject], form: str) -> str:
    """The items as the example has them: in an object, in a list, or the first alone."""
    value: Any = items
    if wrapped := WRAPPED.search(form):
        value = {wrapped[1]: items}
    elif not re.search(r"\[\s*\{", form):
        value = items[0]
    said = json.dumps(value, ensure_ascii=False)
    return f"```json\n{said}\n```" if "json markdown" in form.lower() else said
