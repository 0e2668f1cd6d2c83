"""What a prompt asks and what it tells: a question, sentences to answer from, earlier turns.

Prompts arrive in every shape: a bare question, a question after pages of context, a retrieval
template, JSON, tags, a whole dialogue folded into one text. Only the question has to be found:
everything else is told, whatever it looks like, and the scores decide what answers.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from remote_agents.sandbox.mind.words import (
    EAST,
    Sentence,
    about_the_talk,
    remembered,
    sentences,
    terms,
)

ROLES = {
    **dict.fromkeys(("user", "human", "nutzer", "benutzer", "mensch", "用户", "人类"), "user"),
    **dict.fromkeys(("assistant", "ai", "assistent", "ki", "助手"), "assistant"),
    **dict.fromkeys(("system", "developer", "系统"), "system"),
    **dict.fromkeys(("tool", "tool result", "function"), "tool"),
}
ROLE = re.compile(
    rf"^[ \t]*(?:[\[<(*#]+ ?)?({'|'.join(sorted(ROLES, key=len, reverse=True))})(?: message)?"
    r"[\])>*]*[ \t]*(?::|：)[\])>*]*[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
ASKS = re.compile(
    r"(?:^|.*\s|.*-)(?:question|query|frage|q|anfrage|suchanfrage|pregunta)"
    r"(?: is| lautet)?(?: as follows| below)?|follow[- ]?up \w+|.*(?:问题|提问|质问|質問|질문)",
    re.IGNORECASE | re.DOTALL,
)
INPUT = re.compile(
    r"(?:(?:the |current |new |latest |user |following )*(?:message|input|request|task))"
    r"|.*following task|aufgabe|eingabe|输入|任务",
    re.IGNORECASE | re.DOTALL,
)
ANSWERS = re.compile(
    r"(?:final )?(?:answer|a|response|antwort|reply)|答案?|回答|답변?", re.IGNORECASE
)
WANTS = re.compile(
    r"^\W*(?:and |now |then |please |kindly |bitte |can you |could you )*(?:tell|give|show|list|"
    r"explain|describe|name|find|state|summari[sz]e|write|generate|extract|create|what|when|where|"
    r"who|whom|whose|which|how|why|nenne?|sag|erkläre?|zeige?|gib|liste|beschreibe?|fasse?|"
    r"schreibe?|erstelle?|was|wann|wo|wer|wie|welche[rsnm]?|warum)\b"
    r"|^.*(?:什么|多少|哪|谁|怎么|如何|几[点天个年月]|吗$)"
    r"|^(?:请|能否)?(?:你)?(?:告诉|说明|列出|介绍|解释|给出|总结|概括|写|生成)",
    re.IGNORECASE,
)
CONDENSE = re.compile(
    r"standalone (?:question|query)|rephrase the follow|condense the (?:follow|conversation)"
    r"|eigenständige[nr]? frage|独立的?问题",
    re.IGNORECASE,
)
LABEL = re.compile(rf"([^.!?:。！？：]{{1,200}}?)(?::\s+|：\s*|(?<=[{EAST}]):\s*)(\S.*)", re.DOTALL)
QUOTE = re.compile(
    r"[\"“„«「『']((?:[^\s\"“”„«»「」『』']+\s+){3,}[^\"“”„«»「」『』']+)[\"”“»」』']"
)
TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)((?:\s[^<>]*)?)/?>")
INLINE = frozenset(
    [
        "a",
        "b",
        "br",
        "code",
        "em",
        "font",
        "i",
        "mark",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "u",
    ]
)
OBJECT = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
ARGUMENT = re.compile(r"\b(\w+)\s*=\s*(['\"])(.*?)(?<!\\)\2(?=\s*[,)\]}])", re.DOTALL)
PARTS = re.compile(
    r"(?:[?;,]\s+(?:and\s+|und\s+)?|\s+(?:and|und)\s+|？)"
    r"(?=(?:how|what|when|where|which|who|why|can|may|do|does|is|are|wie|was|wann|wo|wer|welche)\b"
    rf"|[{EAST}])",
    re.IGNORECASE,
)
LONG = 400


class Part(NamedTuple):
    """A sentence, what it is labelled as, the heading above, and the paragraph it is in."""

    text: str
    label: str = ""
    heading: str = ""
    block: int = 0

    @property
    def asks(self) -> bool:
        """Whether it ends as a question does."""
        return self.text.rstrip("\"'”’»」』)*_ ").endswith(("?", "？"))

    @property
    def names(self) -> str:
        """What it is called, by its label or else by the heading above."""
        return (self.label or self.heading).strip(" \t#>*_-([{<\"'")


class Reading(NamedTuple):
    """One text, understood.

    Args:
        question: what it asks.
        told: everything else it says.
        turns: earlier turns that were folded into it, as (role, text).
        asks: whether it asks at all.
    """

    question: str
    told: tuple[Part, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()
    asks: bool = True


@remembered
def read(text: str) -> Reading:
    """Take a user's text apart.

    Example:
        >>> read("My name is Bo. What is my name?").question
        'What is my name?'
    """
    turns, rest, outside = _unfolded(text)
    parts = told_by(rest)
    at = _question_at(parts)
    before = told_by(outside)
    if at is None:
        short = len(rest) <= LONG or not parts
        return Reading(rest.strip() if short else parts[-1].text, (*before, *parts), turns, False)
    start = at
    while start and parts[at].asks and parts[start - 1].asks and _same_block(parts, start):
        start -= 1
    asked = " ".join(part.text for part in parts[start : at + 1])
    question, more = _bare(parts[at]._replace(text=asked))
    return Reading(question, (*before, *parts[:start], *more, *parts[at + 1 :]), turns)


@remembered
def told_by(text: str) -> tuple[Part, ...]:
    """Everything that a text says, sentence by sentence.

    Example:
        >>> told_by("Context: It opens at 9.")
        (Part(text='It opens at 9.', label='Context', heading='', block=0),)
    """
    parts: list[Part] = []
    label, until = "", -1
    for said in sentences(_unwrapped(text)):
        label = label if said.block <= until else ""
        if found := LABEL.fullmatch(said.text):
            label, until = found[1], said.block
            said = Sentence(found[2], said.heading, said.block)
        elif said.text.endswith((":", "：")):
            label, until = said.text[:-1], said.block + 1
            parts.append(Part(said.text, "", said.heading, said.block))
            continue
        parts.append(Part(said.text, label, said.heading, said.block))
    return tuple(parts)


def parts_of(question: str) -> list[str]:
    """The questions that one question consists of.

    Example:
        >>> parts_of("How long is it, and who pays?")
        ['How long is it', 'who pays']
    """
    return [part.strip(" ?.？") for part in PARTS.split(question)]


def wants_standalone(texts: list[str]) -> bool:
    """Whether a prompt asks to rewrite the follow-up question instead of answering it."""
    return any(CONDENSE.search(text) for text in texts)


def is_about_the_text(question: str) -> bool:
    """Whether a request names no topic, such as one for a summary or a title."""
    words = terms(question)
    return bool(words) and all(map(about_the_talk, words))


def _unfolded(text: str) -> tuple[tuple[tuple[str, str], ...], str, str]:
    """The turns inside a text, its last user part, and what stands outside of turns."""
    marks = list(ROLE.finditer(text))
    if not any(_role(mark) == "user" for mark in marks):
        return (), text, ""
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    said = [
        (_role(mark), text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)
    ]
    turns = [(role, part) for role, part in said if part or role == "user"]
    if turns[-1][0] != "user":
        # Only a blank line tells the last answer from the question after it.
        answer, blank, rest = turns[-1][1].partition("\n\n")
        turns[-1:] = [(turns[-1][0], answer), ("user", rest)] if blank else [("user", answer)]
    *earlier, (_, last) = turns
    aside = [part for role, part in earlier if role not in ("user", "assistant")]
    outside = "\n\n".join([text[: marks[0].start()], *aside])
    return tuple(t for t in earlier if t[0] in ("user", "assistant")), last, outside


def _role(mark: re.Match[str]) -> str:
    return ROLES[mark.group(1).lower()]


def _question_at(parts: tuple[Part, ...]) -> int | None:
    """Which part asks: a labelled one, else one with a question mark, else a request."""
    places = range(len(parts))
    asking = [i for i in places if parts[i].asks]
    for kinds, among in ((ASKS, places), (INPUT, places if not asking else ())):
        labelled = [i for i in among if kinds.fullmatch(parts[i].names)]
        if labelled:
            return _last_open(parts, [i for i in labelled if parts[i].asks] or labelled[-1:])
    if asking:
        first = [i for i in asking if parts[i].block == 0 and not _same_block(parts, i + 1)]
        at_end = parts[asking[-1]].block == _last_block(parts)
        return first[-1] if first and not at_end else _last_open(parts, asking)
    wanting = [i for i in places if WANTS.match(parts[i].text)]
    return max(wanting, key=lambda i: (_topics(parts[i]), i), default=None)


def _last_open(parts: tuple[Part, ...], found: list[int]) -> int:
    """The last of some questions that is not answered right behind it, as in an example."""
    ends = len(parts)
    open_ones = [i for i in found if i + 1 == ends or not ANSWERS.fullmatch(parts[i + 1].names)]
    return (open_ones or found)[-1]


def _same_block(parts: tuple[Part, ...], at: int) -> bool:
    """Whether a part stands in one paragraph with the part before."""
    return 0 < at < len(parts) and parts[at].block == parts[at - 1].block


def _last_block(parts: tuple[Part, ...]) -> int:
    """The last paragraph that says something, and is not just "Answer:"."""
    return max((p.block for p in parts if not p.text.endswith((":", "："))), default=0)


def _topics(part: Part) -> int:
    return sum(not about_the_talk(term) for term in terms(part.text))


def _bare(part: Part) -> tuple[str, list[Part]]:
    """A question alone, and what the same sentence tells before it or in quotation marks."""
    question, more = part.text, []
    quoted = QUOTE.search(question)
    if quoted and quoted[1].endswith(("?", "？")):
        return quoted[1], []
    if quoted and len(terms(QUOTE.sub(" ", question))) > 1:
        more.append(part._replace(text=quoted[1]))
        question = QUOTE.sub(" ", question).strip()
    head, colon, tail = question.rpartition(": ")
    if colon and WANTS.match(tail):
        more.append(part._replace(text=head))
        question = tail
    return question.strip(" \t\"'“”*_"), more


def _unwrapped(text: str) -> str:
    """A text with its JSON as lines and its tags as headings."""
    text = re.sub(r"<\|[^|<>\n]*\|>", "\n\n", text)
    text = re.sub(r"\[(/?[A-Z][A-Z_]{2,})\]", r"<\1>", text)
    text = ARGUMENT.sub(lambda found: f"\n\n{found[1]}: {found[3]}\n\n", text)
    text = "".join(_without_json(text)) if "{" in text or "[" in text else text
    text = _without_tags(text) if "<" in text else text
    return re.sub(r"`{3,}(?:\w*(?=\n))?|\"{3,}|'{3,}", "\n\n", html.unescape(text))


def _without_json(text: str) -> Iterator[str]:
    at = 0
    for start in re.finditer(r"[{\[]", text):
        if start.start() < at:
            continue
        value, end = _decoded(text, start.start())
        if isinstance(value, dict) or (isinstance(value, list) and _has_text(value)):
            yield "\n\n".join([text[at : start.start()], *_lines(value), ""])
            at = end
    yield text[at:]


def _decoded(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins somewhere, or the Python one as `str()` shows it."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, at)
    except (ValueError, RecursionError):
        found = OBJECT.match(text, at)
    try:
        return (ast.literal_eval(found[0]), found.end()) if found else (None, at)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None, at


def _has_text(value: list[Any]) -> bool:
    return any(isinstance(each, (dict, str)) for each in value)


def _lines(value: object, path: str = "") -> Iterator[str]:
    """A JSON value in lines: an object's short values as one sentence, long texts on their own."""
    if isinstance(value, dict):
        short = {key: each for key, each in value.items() if _is_short(each)}
        if short:
            yield f"# {path}"
            yield ", ".join(f"{_spaced(key)}: {each}" for key, each in short.items())
        for key, each in value.items():
            yield from () if key in short else _lines(each, f"{path} {_spaced(key)}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _lines(each, path)
    elif value is not None:
        yield f"# {path}"
        yield _unwrapped(str(value))


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value.split()) < 4 and len(value) < 30 and not value.endswith(("?", "？", "。"))
    return not isinstance(value, (dict, list, tuple)) and value is not None


def _spaced(key: object) -> str:
    """A key as words: `openingTime` and `opening_time` are "opening time"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", str(key)).lower()


def _without_tags(text: str) -> str:
    """Tags that are closed are headings of what they hold; others are labels or placeholders."""
    closed = {found[2].lower() for found in TAG.finditer(text) if found[1]}
    above: list[tuple[str, str]] = []

    def instead(tag: re.Match[str]) -> str:
        name, said = tag[2].lower(), " ".join(re.findall(r"[^\s=\"']+", tag[3]))
        if name in INLINE:
            return " " if name == "br" else ""
        if name in ("td", "th"):
            return "" if tag[1] else "| "
        if tag[1]:
            names = [each for each, _ in above]
            del above[names.index(name) if name in names else len(above) :]
        elif name in closed:
            above.append((name, f"{name} {said}"))
        else:
            alone = text[text.rfind("\n", 0, tag.start()) + 1 : tag.end()].strip() == tag[0]
            return f"\n\n{name} {said}:\n" if alone else " "
        return f"\n\n# {' '.join(said for _, said in above[-2:]).replace('_', ' ')}\n\n"

    return TAG.sub(instead, text)
