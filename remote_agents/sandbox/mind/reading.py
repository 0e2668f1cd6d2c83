"""What a prompt asks and what it tells: a question, sentences to answer from, earlier turns.

Prompts arrive in every shape: a bare question, a question after pages of context, a retrieval
template, JSON, tags, a whole dialogue folded into one text. Only the question has to be found:
everything else is told, whatever it looks like, and the scores decide what answers.
"""

from __future__ import annotations

import html
import json
import re
from typing import NamedTuple

from remote_agents.sandbox.mind.words import (
    EAST,
    TALKERS,
    Sentence,
    about_the_talk,
    pattern,
    remembered,
    sentences,
    terms,
)

ROLE = pattern(
    r"(?m)^[ \t]*(?:[\[<(*#]+ ?)?(?:(?P<user>user|human|nutzer|benutzer|mensch|用户|人类)"
    r"|(?P<assistant>assistant|ai|assistent|ki|助手)|(?P<system>system|developer|系统)"
    r"|(?P<tool>tool result|tool|function))(?: message)?[\])>*]*[ \t]*[:：][\])>*]*[ \t]*"
)
# What a question is labelled as, and what has one when nothing else asks.
ASKS = pattern(
    r"(?s)(?:^|.*\W)(?:question|query|frage|q|anfrage|suchanfrage|pregunta)(?: is| lautet)?"
    r"(?: as follows| below)?\W*|.*follow[- ]?up \w+|.*(?:问题|提问|质问|質問|질문)\W*"
)
INPUT = pattern(r"(?s).*\b(?:message|input|request|task)|aufgabe|eingabe|输入|任务")
WANTS = pattern(
    r"^\W*(?:and |now |then |please |kindly |bitte |can you |could you )*(?:tell|give|show|list|"
    r"explain|describe|name|find|state|summari[sz]e|write|generate|extract|create|what|when|where|"
    r"who|whom|whose|which|how|why|nenne?|sag|erkläre?|zeige?|gib|liste|beschreibe?|fasse?|"
    r"schreibe?|erstelle?|was|wann|wo|wer|wie|welche[rsnm]?|warum)\b"
    r"|^.*(?:什么|多少|哪|谁|怎么|如何|几[点天个年月]|吗$)"
    r"|^(?:请|能否)?(?:你)?(?:告诉|说明|列出|介绍|解释|给出|总结|概括|写|生成)"
)
LABEL = re.compile(rf"([^.!?:。！？：]{{1,200}}?)(?::\s+|：\s*|(?<=[{EAST}]):\s*)(\S.*)", re.DOTALL)
INLINE = re.compile(r"</?(?:[abisu]|code|em|font|mark|small|span|strong|su[bp])(?:\s[^<>]*)?>")
TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)((?:\s[^<>]*)?)/?>")
FENCE = re.compile(r"`{3,}(?:\w*(?=\n))?|\"{3,}|'{3,}|<\|[^|<>\n]*\|>")
# JSON and what Python shows: a name, a quote that opens (a longer text) or closes, a bracket.
DATA = re.compile(
    r"(?:[\"']?\b(?P<name>\w[\w -]{0,40})[\"']?\s*[:=]\s*|(?<=[\[{(,])|(?<=,\s)|^[ \t]*)"
    r"(?P<quote>[\"'])(?![\w -]{1,40}[\"']\s*:)"
    r"(?P<text>(?=(?:(?!(?P=quote)).){20}|(?:(?!(?P=quote)).)*[.?!。？！](?P=quote)))?"
    r"|[\"'](?P<key>\w[\w -]{0,40})[\"']\s*:"
    r"|(?P<end>(?<=[^\"']{20})|(?<=[.?!。？！]))?(?<!\\)[\"'](?=\s*[,\]})])"
    r"|(?P<bracket>[\[{](?=\s*[\"'\[{])|[\]}](?=\s*(?:[,\]}]|$)))",
    re.DOTALL | re.MULTILINE,
)
IS_DATA = re.compile(r"[\[{(]\s*[\"'{\[]|=['\"]")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
PARTS = pattern(
    r"(?:[?;,]\s+(?:and\s+|und\s+)?|\s+(?:and|und)\s+|？)(?=(?:how|what|when|where|which|who|why|"
    rf"can|may|do|does|is|are|wie|was|wann|wo|wer|welche)\b|[{EAST}])"
)
LONG = 400
ASKING = 0.5


class Reading(NamedTuple):
    """A text, understood: what it asks, what else it says, and the earlier turns folded into it."""

    question: str
    told: tuple[Sentence, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()
    asks: bool = True


@remembered
def read(text: str) -> Reading:
    """Take a user's text apart.

    Example:
        >>> read("My name is Bo. What is my name?").question
        'What is my name?'
    """
    parts = told_by(text)
    strength, at = max(((_asking(part), at) for at, part in enumerate(parts)), default=(0, 0))
    start = at
    while start and parts[start - 1].asks and parts[start - 1].block == parts[at].block:
        start -= 1
    question = " ".join(part.text for part in parts[start : at + 1]).strip(" \t\"'“”*_")
    if not strength and len(text) <= LONG:
        question = text.strip()
    asked = range(start, at + 1) if strength else ()
    others = [part for place, part in enumerate(parts) if place not in asked]
    turns = tuple((part.label, part.text) for part in others if part.label in TALKERS)
    told = tuple(part for part in others if part.label not in TALKERS)
    return Reading(question, told, turns, strength >= ASKING)


def _asking(part: Sentence) -> float:
    """How much a sentence looks like what a text asks."""
    name = (part.label or part.heading).strip(" \t#>*_-([{<\"'")
    topics = sum(not about_the_talk(term) for term in terms(part.text))
    if part.label in TALKERS[1:]:
        return 0
    wanted = bool(INPUT.fullmatch(name)) + bool(WANTS.match(part.text))
    asked = 4.0 * bool(ASKS.fullmatch(name)) + 2.0 * bool(part.asks and topics)
    return asked or wanted * (ASKING + min(topics, 9) / 100) or 0.1 * (name == TALKERS[0])


@remembered
def told_by(text: str) -> tuple[Sentence, ...]:
    """Everything that a text says, sentence by sentence, each with its label."""
    parts: list[Sentence] = []
    label, until = "", -1
    for said in sentences(_unwrapped(text)):
        label = label if said.block <= until else ""
        spoken = label in TALKERS[1:]  # "You said: ..." is still the assistant's
        if not spoken and (found := LABEL.fullmatch(said.text)):
            label, until = found[1].strip(" ,"), said.block
            said = said._replace(text=found[2])
        elif not spoken and said.text.endswith((":", "：")):
            label, until = said.text[:-1], said.block + 1
        parts.append(said._replace(label=label) if said.text[:-1] != label else said)
    return tuple(parts)


def _unwrapped(text: str) -> str:
    """A text without markup: quoted values as lines of their own, tags as headings."""
    text = re.sub(r"\[(/?[A-Z][A-Z_]{2,})\]", r"<\1>", text)
    text = ROLE.sub(lambda role: f"\n\n{role.lastgroup}: ", text)
    text = _undressed(text) if IS_DATA.search(text) else text
    text = re.sub(r"</?t[dh]\b[^<>]*>", "| ", INLINE.sub("", FENCE.sub("\n\n", text)))
    return html.unescape(TAG.sub(_as_heading, text))


def _undressed(data: str) -> str:
    """JSON, or what Python shows, as lines: each name with its value, longer texts alone."""
    text = ESCAPE.sub(_as_character, DATA.sub(_as_line, data))
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _undressed(text) if '\\"' in data else text


def _as_line(found: re.Match[str]) -> str:
    apart = any(found[group] is not None for group in ("text", "end", "bracket"))
    name = found["name"] or found["key"]
    return ("\n\n" if apart else "") + (f"{spaced(name)}: " if name else "")


def _as_character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else {"n": "\n", "t": " "}.get(escape[2], escape[2])


def _as_heading(tag: re.Match[str]) -> str:
    """A tag as the heading of what it holds."""
    said = " ".join(re.findall(r"[^\s=\"']+", f"{tag[2]} {tag[3]}")).replace("_", " ")
    return "\n\n#\n\n" if tag[1] else f"\n\n# {said}\n\n"


def parts_of(question: str) -> list[str]:
    """The questions that one question consists of."""
    return [part.strip(" ?.？") for part in PARTS.split(question)]


def is_about_the_text(question: str) -> bool:
    """Whether a request names no topic, such as one for a summary or a title."""
    words = terms(question)
    return bool(words) and all(map(about_the_talk, words))


def spaced(key: object) -> str:
    """A key as words: `openingTime` and `opening_time` are "opening time"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", str(key)).lower()


def decoded(text: str, at: int) -> tuple[object, int]:
    """The JSON value that begins somewhere, and where it ends."""
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at
