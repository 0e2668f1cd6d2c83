"""What frameworks ask for beside an answer: a choice, a ranking, keywords, a question, triplets.

A prompt tells its task by the framework's own words, mostly by the form that it shows for the
result. `TASKS` has a line for each; what is chosen is what shares most words with the question.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from typing import NamedTuple

from remote_agents.sandbox.mind.reading import decoded, read, talks, told_by
from remote_agents.sandbox.mind.schema import PAIR
from remote_agents.sandbox.mind.scoring import followed, parts_of
from remote_agents.sandbox.mind.values import nearest
from remote_agents.sandbox.mind.words import pattern, spoken, terms, topic_words

NUMBERED = pattern(
    r"(?m)^[ \t]*(?:\((\d+)\)|\[(\d+)\]|(\d+)[.)])[ \t]+(.+)$"
    r"|^document (\d+):\n((?:(?!document \d|question:).*\n)+)"
)
FENCED = re.compile(r"^```json\s*(\{.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
OBJECT = re.compile(r"\{[^{}]*\}")
WRAPPED = re.compile(r'"(\w+)"\s*:\s*\[\s*\{')
RULE = re.compile("-{4,}")
AT_MOST = pattern(r"\b(?:no more than|at most|up to|give) (\d+)")
CHOOSE = pattern(r"\b(?:choices?|choose|select|options?|tools?)\b")
CLAUSE = pattern(
    r"(.+?)\s+((?:is|are|was|were|has|have|can|ist|hat|kann|wurde|(?-i:[a-zäöü]{3,}(?:s|ed|t)))"
    r"(?:\s\w+(?:ed|en|de))?(?:\s(?:in|on|at|by|of|for|to|from|with|von|im|am))?)\s+(.+)"
    r"|(.+?)([是在有由为能])(.+)"
)
Form = re.Match[str]


class Task(NamedTuple):
    """A prompt: what it asks about, what it offers by number or name, and the rest of it.

    `said` is what the user said before, the newest first.
    """

    text: str
    question: str
    options: dict[str, str]
    form: str
    said: Sequence[str]

    def most(self, usual: int) -> int:
        """How many things are wanted at most."""
        found = AT_MOST.search(f"{self.form}\n{self.question}")
        return max(1, int(found[1])) if found else usual

    def fitting(self) -> list[str]:
        """The best option, and those that share a good part as much with the question."""
        return nearest([*self.options], terms(self.question), self.described)

    def chosen(self, usual: int) -> list[str]:
        """The best of what fits, or the first where nothing does."""
        return (self.fitting() or [*self.options])[: self.most(usual)]

    def described(self, key: str) -> str:
        """An option's name and its description."""
        return f"{key} {self.options[key]}".replace("_", " ")


def perform(text: str, question: str, said: Sequence[str]) -> str | None:
    """What the task of a prompt has for a result; None if the prompt asks an ordinary question.

    Args:
        text: The prompt, with the instructions of its system message.
        question: What it asks.
        said: What the user said before, the newest first.

    Example:
        >>> prompt = '''Select a choice: (see below)
        ... (1) About dogs.
        ... (2) About cats.
        ... Question: What do cats eat?
        ... Only JSON such as {"choice": 1}'''
        >>> perform(prompt, "What do cats eat?", [])
        '{"choice": 2}'
    """
    # The question may be a word that stands elsewhere too.
    around = re.search(rf"(?s)(.*['\":>\s]){re.escape(question)}(['\"<\s].*|$)", text)
    before, after = around.groups() if around else (text, "")
    options, rest = _options("\n".join([*reversed(said), before]))
    task = Task(text, question, options, f"{rest}\n{after}", said)
    for shown, done in TASKS.items():
        found = re.search(shown, text, re.IGNORECASE | re.MULTILINE)
        if found and (result := done(task, found)) is not None:
            return result
    return None


def _options(text: str) -> tuple[dict[str, str], str]:
    """The numbered choices, else the entries of the last JSON object in a code block; the rest."""
    numbered: dict[str, str] = {}
    for match in NUMBERED.finditer(text):
        number, said = filter(None, match.groups())
        numbered = {} if int(number) == 1 else numbered
        if int(number) == len(numbered) + 1:
            numbered[number] = said
    *_, block = (None, *FENCED.finditer(text))
    if numbered or not block:
        return numbered, NUMBERED.sub("", text)
    named, _ = decoded(block[1], 0)
    known = named if isinstance(named, dict) else {}
    return {key: str(said) for key, said in known.items()}, text.replace(block[0], "")


def keywords(task: Task, form: Form) -> str:
    """The words that come most often between the rules of a template."""
    between = RULE.split(task.text)
    told = " ".join(p.text for p in told_by(between[len(between) // 2]) if not talks(p))
    words = Counter(topic_words(told)).most_common(task.most(10))
    name, separator = f"{form[1]}: " if form[1] else "", form[2] or ", "
    return name + separator.join(word for word, _ in words)


def scored(task: Task, form: Form) -> str:
    """A line for each document that fits, from the best on."""
    lines = (f"{form[1]}: {n}, {form[2]}: {max(1, 10 - at)}" for at, n in enumerate(task.fitting()))
    return "\n".join(lines) or "None of them is relevant."


def ranked(task: Task, form: Form) -> str:
    """All passages, from the best on."""
    return " > ".join(f"[{key}]" for key in dict.fromkeys([*task.fitting(), *task.options]))


def numbered(task: Task, form: Form) -> str | None:
    """The numbers of the best choices, for the question or a new piece of information."""
    numbers = task._replace(question=form[2] or task.question).chosen(1)
    return f"{form[1] or 'ANSWER'}: {', '.join(numbers)}" if numbers else None


def as_json(task: Task, form: Form) -> str | None:
    """The choices as the example has them: in an object, in a list, or the first alone."""
    keys = _keys(task) if task.options and CHOOSE.search(task.form) else {}
    wrapped, listed = WRAPPED.search(task.form), re.search(r"\[\s*\{", task.form)
    chosen = task.chosen(len(task.options) if wrapped else 1)
    items = [_item(task, option, keys) for option in chosen]
    value = {wrapped[1]: items} if wrapped else items if listed or not items else items[0]
    return json.dumps(value, ensure_ascii=False) if keys else None


def _keys(task: Task) -> dict[str, bool]:
    """The keys of one item of the example, each with whether the chosen option stands there."""
    names, by_number = {key for key, *_ in PAIR.findall(task.form)}, "1" in task.options
    for example in OBJECT.findall(task.form):
        pairs = [(key, shown.strip("\"'")) for key, shown, _ in PAIR.findall(example)]
        keys = {key: shown.isdigit() if by_number else shown in names for key, shown in pairs}
        if any(keys.values()):
            return keys
    return {}


def _item(task: Task, option: str, keys: dict[str, bool]) -> dict[str, int | str]:
    """One item, with the part of the question that its option can answer."""
    parts, key = parts_of(task.question), int(option) if option.isdigit() else option
    near = nearest(parts, terms(task.described(option)), str) if len(parts) > 1 else []
    asked = [*(f"{part[:1].upper()}{part[1:]}?" for part in near), task.question][0]
    why = f"It fits: {task.options[option]}"
    return {k: key if is_key else asked if "question" in k else why for k, is_key in keys.items()}


def classified(task: Task, form: Form) -> str:
    """The class that shares most with the question, the last where none does."""
    names: list[str] = re.findall(r"\w[\w -]*", form[1].replace("or ", ""))
    return next(iter(nearest(names, terms(task.question), str)), names[-1])


def standalone(task: Task, form: Form) -> str:
    """The question, a follow-up with the question that it follows."""
    asked = [read(text).question.rstrip("?. ") for text in task.said[:1]]
    if form[0] in task.question:
        return [*asked, task.question][0]
    for before in followed(task.question, asked):
        return f"{before}, {task.question[:1].lower()}{task.question[1:]}"
    return task.question


def triplets(task: Task, form: Form) -> str:
    """What each sentence says of what, cut at its first verb."""
    told = (said.text.replace(",", "") for said in told_by(RULE.split(task.text)[-1]))
    clauses = filter(None, map(CLAUSE.fullmatch, told))
    parts = ([part.strip(" .。") for part in clause.groups() if part] for clause in clauses)
    return "\n".join(f"({', '.join(each)})" for each in parts)


def looked_up(task: Task, form: Form) -> str:
    """The question as a search that the engine makes, and the end once there is an answer."""
    return "done" if form[2].strip() else f"[Search({form[1]})]"


def filled_in(task: Task, form: Form) -> str:
    """A template with the answers in the place of their searches."""
    pairs = re.findall(r"(?s)Query: (.*?)\nAnswer: (.*?)\s*(?=\nQuery: |\Z)", form[2])
    return reduce(lambda text, pair: text.replace(f"[Search({pair[0]})]", pair[1]), pairs, form[1])


TASKS: dict[str, Callable[[Task, Form], str | None]] = {
    r"'(\w+): <keywords>'|'keyword1(\W)keyword2|give \d+ unique keywords": keywords,
    r"^(\w+): \d+, (\w+): \d+$": scored,
    r"\[\] > \[\]": ranked,
    r"'(\w+): <numbers?>'|information: (.+)\s+answer with the number": numbered,
    r"\bclassify (?:\w+ )*((?:[`'\"][\w -]+[`'\"],? (?:or )?)*[`'\"][\w -]+[`'\"])": classified,
    r"triplets in the form of \(": triplets,
    "(?<![a-z])JSON(?![a-z])": as_json,
    spoken("standalone"): standalone,
    r"\[Search\((?s:.*)^query: ((?s:.+?))\nexisting answer:(.*)\nanswer:": looked_up,
    r"\[Search\((?s:.*)^lookahead template:\n(.+)\n\n.*:\n((?s:.*))\n\n.*:": filled_in,
}
