"""What frameworks ask for beside an answer: a choice, a ranking, keywords, a question of its own.

A prompt tells its task by the framework's own words, mostly by the form that it shows for the
result. `TASKS` has a line for each; what is chosen is what shares most words with the question.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

from remote_agents.sandbox.mind.reading import decoded, read, talks, told_by
from remote_agents.sandbox.mind.scoring import followed, gist, parts_of
from remote_agents.sandbox.mind.values import nearest
from remote_agents.sandbox.mind.words import pattern, spoken, terms, topic_words

NUMBERED = pattern(
    r"(?m)^[ \t]*[(\[]?(\d+)[.)\]][ \t]+(.+)$"
    r"|^document (\d+):\n((?:(?!document \d|question:).*\n)+)"
)
CHOOSE = pattern(r"\b(?:choices?|choose|select|options?|tools?)\b")
# An object with a number or the name of a tool, maybe in a list that maybe has a name.
EXAMPLE = pattern(
    r'(?:(?:"(\w+)"\s*:\s*)?(\[)\s*)?'
    r"\{\{?([^{}]*(?:\w\w\W?\s*:\s*\d|tool\w{0,20}\W?\s*:)[^{}]*)\}"
)
QUOTED = r"[`'\"]\w[\w -]*[`'\"]"
AT_MOST = pattern(r"\b(?:no more than|at most|(?:extract|keywords) up to|give) ([1-9]\d*)")


class Task(NamedTuple):
    """A prompt, what it asks about, and what it offers by number or name.

    `said` is what the user said before, the newest first.
    """

    text: str
    question: str
    options: dict[str, str]
    said: Sequence[str]

    def most(self, usual: int) -> int:
        """How many things are wanted at most."""
        found = AT_MOST.search(self.text)
        return int(found[1]) if found else usual

    def fitting(self) -> list[str]:
        """The best option, and those that share a good part as much with the question."""
        return nearest([*self.options], terms(self.question), self.options.__getitem__)

    def chosen(self, usual: int) -> list[str]:
        """The best of what fits, or the first where nothing does."""
        return (self.fitting() or [*self.options])[: self.most(usual)]


def perform(text: str, question: str, said: Sequence[str]) -> str | None:
    """What the task of a prompt has for a result; None if the prompt asks an ordinary question.

    The prompt is with its instructions; what the user said before comes with the newest first.

    Example:
        >>> prompt = '''Select a choice: (see below)
        ... (1) About dogs.
        ... (2) About cats.
        ... Question: What do cats eat?
        ... Only JSON such as {"choice": 1}'''
        >>> perform(prompt, "What do cats eat?", [])
        '{"choice": 2}'
    """
    task = Task(text, question, _options("\n".join([*reversed(said), text])), said)
    for shown, done in TASKS.items():
        if found := re.search(shown, text, re.IGNORECASE | re.MULTILINE):
            return done(task, found)
    return None


def _options(text: str) -> dict[str, str]:
    """The last list with numbers, or else what the last JSON object in a block of code has."""
    last = re.split(r"(?im)^(?=[ \t]*[(\[]?1[.)\]][ \t]|document 1:)", text)[-1]
    numbered = dict(tuple(filter(None, found)) for found in NUMBERED.findall(last))
    block, _ = decoded(text.rpartition("```json")[2].strip(), 0)
    named = block if isinstance(block, dict) else {}
    return numbered or {name: f"{name}: {said}" for name, said in named.items()}


def keywords(task: Task, form: re.Match[str]) -> str:
    """The words that come most often between the rules of a template."""
    between = re.split("-{4,}", task.text)
    told = " ".join(p.text for p in told_by(between[len(between) // 2]) if not talks(p))
    # What is written without spaces has no words but its pairs.
    split = (terms(word) if word[0] >= "\u3005" else (word,) for word in topic_words(told))
    words = Counter(chain.from_iterable(split)).most_common(task.most(10))
    return (form[1] or "") + (form[2] or ", ").join(word for word, _ in words)


def scored(task: Task, form: re.Match[str]) -> str:
    """A line for each document that fits, from the best on."""
    lines = (f"{form[1]}: {n}, {form[2]}: {max(1, 10 - at)}" for at, n in enumerate(task.fitting()))
    return "\n".join(lines) or "None of them is relevant."


def numbered(task: Task, form: re.Match[str]) -> str | None:
    """The numbers of the best choices."""
    return form[1] + ", ".join(task.chosen(1)) if task.options else None


def as_json(task: Task, form: re.Match[str]) -> str | None:
    """The choices as the example has them: in a named list, in a list, or the first alone."""
    rest = NUMBERED.sub("", task.text)
    example = EXAMPLE.search(rest) if CHOOSE.search(rest) else None
    named = example and any(re.search(rf':\s*"{re.escape(n)}"', example[0]) for n in task.options)
    if not (example and task.options and (example[1] or "1" in task.options or named)):
        return None
    name, listed, shown = example.groups()
    keys = re.findall(r"(\w+)\W?\s*:", shown)
    chosen = task.chosen(len(task.options) if name else 1)
    items = [{key: _value(task, option, key) for key in keys} for option in chosen]
    value = {name: items} if name else items if listed else items[0]
    return json.dumps(value, ensure_ascii=False)


def _value(task: Task, option: str, key: str) -> int | str:
    """An option, the part of the question that it can answer, or why it was chosen."""
    if "question" in key:
        parts = nearest(parts_of(task.question), terms(task.options[option]), str)
        return [*parts, task.question][0]
    if "reason" in key:
        return f"It fits: {task.options[option]}"
    return int(option) if option.isdecimal() else option


def classified(task: Task, form: re.Match[str]) -> str:
    """The one of several classes that shares most with the question, else the last."""
    names = [found[0][1:-1] for found in re.finditer(QUOTED, form[1])]
    return [*nearest(names, terms(task.question), str), names[-1]][0]


def standalone(task: Task, form: re.Match[str]) -> str:
    """The newest question, a follow-up with the question that it follows."""
    before = [read(text).question.rstrip("?. ") for text in task.said[:2]]
    # The message that orders it may be one of its own.
    question, *asked = [q for q in (task.question, *before) if form[0] not in q] or [task.question]
    for topic in followed(question, asked):
        return f"{topic}, {question[:1].lower()}{question[1:]}"
    return question


def looked_up(task: Task, form: re.Match[str]) -> str:
    """The question as a search that the engine makes, and the end once there is an answer."""
    return "done" if form[2].strip() else f"[Search({form[1]})]"


def stepped(task: Task, form: re.Match[str]) -> str:
    """The question as the first step to its answer, and the end once there is one."""
    before, _, known = task.text.rpartition("\nKnowledge source context:")
    reasoned = re.search(r"^Previous reasoning:\s*(?!None\b|New question:)\S", known, re.MULTILINE)
    return "None" if reasoned else re.split("(?im)^question: ", before)[-1]


def filled_in(task: Task, form: re.Match[str]) -> str:
    """A template with the answers in the place of their searches."""
    answers = dict(re.findall(r"(?s)Query: (.*?)\nAnswer: (.*?)\s*(?=\nQuery: |\Z)", form[2]))
    return re.sub(r"\[Search\((.*?)\)\]", lambda tag: answers.get(tag[1], tag[0]), form[1])


def summed_up(task: Task, form: re.Match[str]) -> str:
    """What messages say, where questions stand in the order to sum them up."""
    said = re.split(r"<[^<>]*>", form[1])
    return " ".join(one.text for one in gist(told_by(*said)))


TASKS: dict[str, Callable[[Task, re.Match[str]], str | None]] = {
    r"'(\w+: )<keywords>'|'keyword1(\W)keyword2|give \d+ unique keywords": keywords,
    r"^(\w+): \d+, (\w+): \d+$": scored,
    r"'(\w+: )<numbers?>'": numbered,
    rf"\bclassify\b[^.'\"`]*((?:{QUOTED}[\s,]*(?:or\s+)?){{2,}})": classified,
    r"^query: (.+)\nexisting answer:(.*)\nanswer:": looked_up,
    r"^knowledge source context:(?s:.*)^new question:\s*\Z": stepped,
    r"\A(?s:.*)^lookahead template:\n(.+)\n\n.*:\n((?s:.*))\n\n.*:": filled_in,
    r"^messages to summarize:\n((?s:.+))": summed_up,
    spoken("standalone"): standalone,
    "(?<![a-z])JSON(?![a-z])": as_json,
}
