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
    pattern,
    remembered,
    sentences,
    terms,
)

SPEAKERS = {
    "user": "user|human|nutzer|benutzer|mensch|用户|人类",
    "assistant": "assistant|ai|assistent|ki|助手",
    "system": "system|developer|系统",
    "tool": "tool result|tool|function",
}
ROLE = pattern(
    rf"(?m)^[ \t]*(?:[\[<(*#]+ ?)?(?:{'|'.join(f'(?P<{k}>{v})' for k, v in SPEAKERS.items())})"
    r"(?: message)?[\])>*]*[ \t]*[:：][\])>*]*[ \t]*"
)
# What a question is labelled as, and what has one when nothing else asks.
ASKS = pattern(
    r"(?s)(?:^|.*\W)(?:question|query|frage|q|anfrage|suchanfrage|pregunta)(?: is| lautet)?"
    r"(?: as follows| below)?\W*|.*follow[- ]?up \w+|.*(?:问题|提问|质问|質問|질문)\W*"
)
INPUT = pattern(r"(?s).*\b(?:message|input|request|task)|aufgabe|eingabe|输入|任务")
ANSWERS = pattern(r"\W*(?:\w+ )?(?:answer|a|response|antwort|reply)|答案?|回答|답변?")
WANTS = pattern(
    r"^\W*(?:and |now |then |please |kindly |bitte |can you |could you )*(?:tell|give|show|list|"
    r"explain|describe|name|find|state|summari[sz]e|write|generate|extract|create|what|when|where|"
    r"who|whom|whose|which|how|why|nenne?|sag|erkläre?|zeige?|gib|liste|beschreibe?|fasse?|"
    r"schreibe?|erstelle?|was|wann|wo|wer|wie|welche[rsnm]?|warum)\b"
    r"|^.*(?:什么|多少|哪|谁|怎么|如何|几[点天个年月]|吗$)"
    r"|^(?:请|能否)?(?:你)?(?:告诉|说明|列出|介绍|解释|给出|总结|概括|写|生成)"
)
CONDENSE = pattern(
    r"standalone (?:question|query)|rephrase the follow|condense the (?:follow|conversation)"
    r"|eigenständige[nr]? frage|独立的?问题"
)
LABEL = re.compile(rf"([^.!?:。！？：]{{1,200}}?)(?::\s+|：\s*|(?<=[{EAST}]):\s*)(\S.*)", re.DOTALL)
INLINE = re.compile(r"</?(?:[abisu]|code|em|font|mark|small|span|strong|su[bp])(?:\s[^<>]*)?>")
TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)((?:\s[^<>]*)?)/?>")
FENCE = re.compile(r"`{3,}(?:\w*(?=\n))?|\"{3,}|'{3,}|<\|[^|<>\n]*\|>")
ARGUMENT = re.compile(r"(['\"]?)\b(\w+)\1\s*[=:]\s*'(.*?)(?<!\\)'(?=\s*[,)\]}])", re.DOTALL)
OBJECT = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
PARTS = pattern(
    r"(?:[?;,]\s+(?:and\s+|und\s+)?|\s+(?:and|und)\s+|？)"
    r"(?=(?:how|what|when|where|which|who|why|can|may|do|does|is|are|wie|was|wann|wo|wer|welche)\b"
    rf"|[{EAST}])"
)
LONG = 400


Turns = tuple[tuple[str, str], ...]


class Reading(NamedTuple):
    """A text, understood: what it asks, what else it says, and the earlier turns folded into it."""

    question: str
    told: tuple[Sentence, ...] = ()
    turns: Turns = ()
    asks: bool = True


@remembered
def read(text: str) -> Reading:
    """Take a user's text apart.

    Example:
        >>> read("My name is Bo. What is my name?").question
        'What is my name?'
    """
    turns, rest, outside = _unfolded(text)
    parts, before = told_by(rest), told_by(outside)
    asking = [(_asking(parts, at), at) for at in range(len(parts))]
    strength, at = max(asking, default=(0, 0))
    if strength <= 0:
        whole = len(rest) <= LONG or not parts
        told = (*before, *parts)
        return Reading(rest.strip() if whole else parts[-1].text, told, turns, False)
    start = at
    while start and parts[start - 1].asks and parts[start - 1].block == parts[at].block:
        start -= 1
    question = " ".join(part.text for part in parts[start : at + 1]).strip(" \t\"'“”*_")
    return Reading(question, (*before, *parts[:start], *parts[at + 1 :]), turns)


@remembered
def told_by(text: str) -> tuple[Sentence, ...]:
    """Everything that a text says, sentence by sentence, each with its label."""
    parts: list[Sentence] = []
    label, until = "", -1
    for said in sentences(_unwrapped(text)):
        label = label if said.block <= until else ""
        if found := LABEL.fullmatch(said.text):
            label, until = found[1], said.block
            said = said._replace(text=found[2])
        elif said.text.endswith((":", "：")):
            label, until = said.text[:-1], said.block + 1
        parts.append(said._replace(label=label) if said.text[:-1] != label else said)
    return tuple(parts)


def parts_of(question: str) -> list[str]:
    """The questions that one question consists of."""
    return [part.strip(" ?.？") for part in PARTS.split(question)]


def wants_standalone(texts: list[str]) -> bool:
    """Whether a prompt asks to rewrite the follow-up question instead of answering it."""
    return any(CONDENSE.search(text) for text in texts)


def is_about_the_text(question: str) -> bool:
    """Whether a request names no topic, such as one for a summary or a title."""
    words = terms(question)
    return bool(words) and all(map(about_the_talk, words))


def _unfolded(text: str) -> tuple[Turns, str, str]:
    """The turns inside a text, its last user part, and what stands outside of turns."""
    marks = list(ROLE.finditer(text))
    if not any(mark["user"] for mark in marks):
        return (), text, ""
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    said = [
        (str(mark.lastgroup), text[mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=True)
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


def _asking(parts: tuple[Sentence, ...], at: int) -> float:
    """How much a sentence looks like what a text asks."""
    part = parts[at]
    name = (part.label or part.heading).strip(" \t#>*_-([{<\"'")
    topics = sum(not about_the_talk(term) for term in terms(part.text))
    answered = at + 1 < len(parts) and ANSWERS.fullmatch(parts[at + 1].label)
    strength = 4.0 * bool(ASKS.fullmatch(name)) + 2.0 * bool(part.asks and topics)
    if not strength:
        wanted = bool(INPUT.fullmatch(name)) + bool(WANTS.match(part.text))
        strength = wanted * (0.5 + min(topics, 9) / 100)
    return strength - (3 if answered else 0)


def _unwrapped(text: str) -> str:
    """A text with its JSON as lines and its tags as headings."""
    text = re.sub(r"\[(/?[A-Z][A-Z_]{2,})\]", r"<\1>", text)
    text = "\n\n".join(_without_json(text)) if "{" in text or "[" in text else text
    text = ARGUMENT.sub(r"\n\n\2: \3\n\n", FENCE.sub("\n\n", text))
    text = re.sub(r"</?t[dh]\b[^<>]*>", "| ", INLINE.sub("", text))
    return html.unescape(TAG.sub(_as_heading, text))


def _as_heading(tag: re.Match[str]) -> str:
    """A tag as the heading of what it holds."""
    said = " ".join(re.findall(r"[^\s=\"']+", f"{tag[2]} {tag[3]}")).replace("_", " ")
    return "\n\n#\n\n" if tag[1] else f"\n\n# {said}\n\n"


def _without_json(text: str) -> Iterator[str]:
    at = 0
    for start in re.finditer(r"[{\[]", text):
        value, end = decoded(text, start.start()) if start.start() >= at else (None, at)
        texts = value if isinstance(value, list) else ()
        if isinstance(value, dict) or any(isinstance(each, (dict, str)) for each in texts):
            try:
                lines = [*_lines(value)]
            except RecursionError:
                lines = [text[start.start() : end]]
            yield from (text[at : start.start()], *lines)
            at = end
    yield text[at:]


def decoded(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins somewhere, or the Python one as `str()` shows it."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, at)
    except (ValueError, RecursionError):
        found = OBJECT.match(text, at)
    try:
        return (ast.literal_eval(found[0]), found.end()) if found else (None, at)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None, at


def _lines(value: object, path: str = "") -> Iterator[str]:
    """A JSON value in lines: an object's short values as one sentence, long texts on their own."""
    if isinstance(value, dict):
        short = {key: each for key, each in value.items() if _is_short(each)}
        if short:
            yield f"# {path}"
            yield ", ".join(f"{spaced(key)}: {each}" for key, each in short.items())
        for key, each in value.items():
            yield from () if key in short else _lines(each, f"{path} {spaced(key)}")
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _lines(each, path)
    elif value is not None:
        yield from (f"# {path}", _unwrapped(str(value)))


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value.split()) < 4 and len(value) < 30 and not value.endswith(("?", "？", "。"))
    return not isinstance(value, (dict, list, tuple)) and value is not None


def spaced(key: object) -> str:
    """A key as words: `openingTime` and `opening_time` are "opening time"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", str(key)).lower()
