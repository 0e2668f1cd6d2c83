"""A choice among the options of a prompt, as JSON in the form of the prompt's own example.

Routers show numbered choices, planners a JSON object of tools; both show the wanted answer by an
example instead of a schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.reading import decoded, parts_of, read
from remote_agents.sandbox.mind.schema import find_schema
from remote_agents.sandbox.mind.words import pattern, terms

Weight = Callable[[str], float]

JSON_TALK = pattern(r"\bJSON\b|\bschema\b")
CHOOSE = pattern(r"\b(?:choices?|choose|select|options?|tools?)\b")
NUMBERED = re.compile(r"^[ \t]*(?:\((\d+)\)|(\d+)[.)])[ \t]+(.+)$", re.MULTILINE)
FENCED = re.compile(r"^```json\s*(\{.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
OBJECT = re.compile(r"\{[^{}]*\}")
PAIR = re.compile(r'"?(\w+)"?[ \t]*:[ \t]*(?:"((?:[^"\\]|\\.)*)"|(\w+))')
AT_MOST = pattern(r"\b(?:no more than|at most|up to) (\d+)")
A_LIST = pattern(r"\b(?:output|return|give|write) a list\b")
WRAPPED = re.compile(r'"(\w+)"\s*:\s*\[\s*\{')
NEEDED = 0.3


class Option(NamedTuple):
    """What can be chosen: its number or name, and the description to choose it by."""

    key: int | str
    text: str

    def covers(self, words: Iterable[str], weight: Weight) -> float:
        """How much of some words it says, in its name or description."""
        own = set(terms(f"{self.key} {self.text}".replace("_", " ")))
        return sum(weight(word) for word in own.intersection(words))


def choose(text: str, weight: Weight) -> str | None:
    """What a prompt's question chooses among the prompt's options; None if it asks for no choice.

    Example:
        >>> prompt = '''Select a choice: (see below)
        ... (1) About dogs.
        ... (2) About cats.
        ... Question: What do cats eat?
        ... Only JSON such as {"choice": 1}'''
        >>> choose(prompt, lambda term: 1.0)
        '{"choice": 2}'
    """
    if not (JSON_TALK.search(text) and CHOOSE.search(text)) or find_schema(text):
        return None
    question = read(text).question
    # The question may be a word that stands elsewhere too.
    found = list(re.finditer(rf"(?<=['\":>\s]){re.escape(question)}(?=['\"<\s]|$)", text))
    before, after = (text[: found[-1].start()], text[found[-1].end() :]) if found else (text, "")
    options, before = _options(before)
    form = f"{before}\n{after}"
    keys = _form(form, options)
    if not keys:
        return None
    most = AT_MOST.search(form)
    limit = max(1, int(most[1])) if most else len(options) if A_LIST.search(form) else 1
    chosen = _needed(question, options, weight)[:limit]
    return _dressed([_filled(keys, option, question, weight) for option in chosen], form)


def _options(text: str) -> tuple[list[Option], str]:
    """The numbered choices, else the entries of the last JSON object in a code block; the rest."""
    numbered: list[Option] = []
    for match in NUMBERED.finditer(text):
        if int(match[1] or match[2]) == len(numbered) + 1:
            numbered.append(Option(len(numbered) + 1, match[3]))
    *_, block = (None, *FENCED.finditer(text))
    if numbered or not block:
        return numbered, NUMBERED.sub("", text)
    named, _ = decoded(block[1], 0)
    known = named if isinstance(named, dict) else {}
    options = [Option(name, str(said)) for name, said in known.items()]
    return options, text[: block.start()] + text[block.end() :]


def _form(text: str, options: list[Option]) -> dict[str, bool]:
    """The keys of one item of the example, each with whether the chosen option stands there."""
    names = {key for key, *_ in PAIR.findall(text)}
    numbered = bool(options) and isinstance(options[0].key, int)
    for found in OBJECT.findall(text) if options else ():
        pairs = PAIR.findall(found)
        keys = {key: word.isdigit() if numbered else quoted in names for key, quoted, word in pairs}
        if any(keys.values()):
            return keys
    return {}


def _needed(question: str, options: list[Option], weight: Weight) -> list[Option]:
    """The best option, and each further one that covers a good part of what the others leave."""
    left, pool, chosen, first = set(terms(question)), list(options), list[Option](), 0.0
    while pool:
        best = max(pool, key=lambda option: option.covers(left, weight))
        gain = best.covers(left, weight)
        if gain <= NEEDED * first:
            break
        first = first or gain
        left -= set(terms(f"{best.key} {best.text}".replace("_", " ")))
        pool.remove(best)
        chosen.append(best)
    return chosen or options


def _filled(keys: dict[str, bool], option: Option, question: str, weight: Weight) -> JsonObject:
    """One item, with the part of the question that its option can answer."""
    parts = parts_of(question)
    part = max(parts, key=lambda each: option.covers(terms(each), weight))
    if len(parts) > 1 and option.covers(terms(part), weight):
        question = f"{part[:1].upper()}{part[1:]}?"
    said = {key: question if "question" in key else f"It fits: {option.text}" for key in keys}
    return said | {key: option.key for key, chosen in keys.items() if chosen}


def _dressed(items: list[JsonObject], form: str) -> str:
    """The items as the example has them: in an object, in a list, or the first alone."""
    value: Any = items
    if wrapped := WRAPPED.search(form):
        value = {wrapped[1]: items}
    elif not re.search(r"\[\s*\{", form):
        value = items[0]
    said = json.dumps(value, ensure_ascii=False)
    return f"```json\n{said}\n```" if "json markdown" in form.lower() else said
