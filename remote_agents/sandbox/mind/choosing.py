"""A choice among what a prompt offers, in the form that the prompt shows.

Routers, trees and rerankers offer numbered texts, planners a JSON object of tools; all show the
wanted answer by an example: JSON, `ANSWER: <number>`, or a line for each document.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from remote_agents.sandbox.mind.reading import decoded, parts_of, read
from remote_agents.sandbox.mind.schema import find_schema
from remote_agents.sandbox.mind.words import pattern, terms, topic_words

Weight = Callable[[str], float]
Item = dict[str, int | str]

NUMBERED = pattern(
    r"(?m)^[ \t]*(?:\((\d+)\)|(\d+)[.)])[ \t]+(.+)$"
    r"|^document (\d+):\n((?:(?!document \d|question:).*\n)+)"
)
FENCED = re.compile(r"^```json\s*(\{.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
IN_JSON = pattern(r"\bJSON\b")
OBJECT = re.compile(r"\{[^{}]*\}")
PAIR = re.compile(r'"?(\w+)"?[ \t]*:[ \t]*(?:"((?:[^"\\]|\\.)*)"|(\w+))')
CHOOSE = pattern(r"\b(?:choices?|choose|select|options?|tools?)\b")
KEYWORDS = re.compile(r"'(\w+): <keywords>'")
IN_A_LINE = re.compile(r"'(\w+): <numbers?>'")
IN_LINES = re.compile(r"^(\w+): \d+, (\w+): \d+$", re.MULTILINE)
AT_MOST = pattern(r"\b(?:no more than|at most|up to) (\d+)")
A_LIST = pattern(r"\b(?:output|return|give|write) a list\b")
WRAPPED = re.compile(r'"(\w+)"\s*:\s*\[\s*\{')
NEEDED = 0.3


class Option(NamedTuple):
    """What can be chosen: its number or name, and the description to choose it by."""

    key: int | str
    text: str

    @property
    def words(self) -> set[str]:
        """The terms of its name and its description."""
        return set(terms(f"{self.key} {self.text}".replace("_", " ")))


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
    if find_schema(text):
        return None
    if asked := KEYWORDS.search(text):
        return f"{asked[1]}: {', '.join(_keywords(text, _most(text) or 10))}"
    question, options, form = _offered(text)
    line, lines = IN_A_LINE.search(form), IN_LINES.search(form)
    limit = _most(form) or (len(options) if lines or A_LIST.search(form) else 1)
    fitting = _needed(question, options, weight)[:limit]
    chosen = fitting or options[:limit]
    if options and lines:
        return _in_lines(fitting, *lines.groups())
    if options and line:
        return f"{line[1]}: {', '.join(str(option.key) for option in chosen)}"
    keys = _keys(form, options) if IN_JSON.search(form) and CHOOSE.search(form) else {}
    items = [_filled(keys, option, question, weight) for option in chosen]
    return _dressed(items, form) if keys else None


def _offered(text: str) -> tuple[str, list[Option], str]:
    """The question, what can be chosen, and the text without both."""
    question = read(text).question
    # The question may be a word that stands elsewhere too.
    found = list(re.finditer(rf"(?<=['\":>\s]){re.escape(question)}(?=['\"<\s]|$)", text))
    before, after = (text[: found[-1].start()], text[found[-1].end() :]) if found else (text, "")
    options, before = _options(before)
    return question, options, f"{before}\n{after}"


def _in_lines(chosen: list[Option], name: str, score: str) -> str:
    """A line for each document, from the best on."""
    lines = [f"{name}: {one.key}, {score}: {max(1, 10 - n)}" for n, one in enumerate(chosen)]
    return "\n".join(lines) or "None of them is relevant."


def _most(text: str) -> int | None:
    return max(1, int(most[1])) if (most := AT_MOST.search(text)) else None


def _keywords(text: str, most: int) -> list[str]:
    """The words that come most often, in what stands between the rules of a template."""
    between = re.split("-{5,}", text)
    words = Counter(topic_words(between[len(between) // 2]))
    return [word for word, _ in words.most_common(most)]


def _options(text: str) -> tuple[list[Option], str]:
    """The numbered choices, else the entries of the last JSON object in a code block; the rest."""
    numbered: list[Option] = []
    for match in NUMBERED.finditer(text):
        number = int(match[1] or match[2] or match[4])
        numbered = [] if number == 1 else numbered
        if number == len(numbered) + 1:
            numbered.append(Option(number, match[3] or match[5]))
    *_, block = (None, *FENCED.finditer(text))
    if numbered or not block:
        return numbered, NUMBERED.sub("", text)
    named, _ = decoded(block[1], 0)
    known = named if isinstance(named, dict) else {}
    options = [Option(name, str(said)) for name, said in known.items()]
    return options, text[: block.start()] + text[block.end() :]


def _needed(question: str, options: list[Option], weight: Weight) -> list[Option]:
    """The best option, and each further one that covers a good part of what the others leave."""

    def gain(option: Option) -> float:
        return sum(map(weight, left & option.words))

    left, pool, chosen, least = set(terms(question)), list(options), list[Option](), 0.0
    while pool and gain(best := max(pool, key=gain)) > least:
        least = least or NEEDED * gain(best)
        left -= best.words
        pool.remove(best)
        chosen.append(best)
    return chosen


def _keys(text: str, options: list[Option]) -> dict[str, bool]:
    """The keys of one item of the example, each with whether the chosen option stands there."""
    names = {key for key, *_ in PAIR.findall(text)}
    numbered = bool(options) and isinstance(options[0].key, int)
    for found in OBJECT.findall(text) if options else ():
        pairs = PAIR.findall(found)
        keys = {key: word.isdigit() if numbered else quoted in names for key, quoted, word in pairs}
        if any(keys.values()):
            return keys
    return {}


def _filled(keys: dict[str, bool], option: Option, question: str, weight: Weight) -> Item:
    """One item, with the part of the question that its option can answer."""
    parts = parts_of(question)
    fits = [sum(map(weight, option.words.intersection(terms(part)))) for part in parts]
    if len(parts) > 1 and any(fits):
        part = parts[fits.index(max(fits))]
        question = f"{part[:1].upper()}{part[1:]}?"
    said = {key: question if "question" in key else f"It fits: {option.text}" for key in keys}
    return said | {key: option.key for key, chosen in keys.items() if chosen}


def _dressed(items: list[Item], form: str) -> str:
    """The items as the example has them: in an object, in a list, or the first alone."""
    wrapped, listed = WRAPPED.search(form), re.search(r"\[\s*\{", form)
    value = {wrapped[1]: items} if wrapped else items if listed else items[0]
    return json.dumps(value, ensure_ascii=False)
