"""What a prompt asks and what it tells: a question, sentences to answer from, earlier turns.

Prompts arrive in every shape: a bare question, a question after pages of context, a retrieval
template, JSON, tags, a whole dialogue folded into one text. Only the question has to be found:
everything else is told, whatever it looks like, and the scores decide what answers.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from typing import NamedTuple

from remote_agents.sandbox.mind.words import EAST, pattern, remembered, spoken, terms, topics

TALKERS = ("user", "assistant")
ROLE = pattern(
    rf"(?m)^[ \t]*(?:[\[<(*#]+ ?)?(?:(?P<user>{spoken('user')})"
    rf"|(?P<assistant>{spoken('assistant')}))(?: message)?[\])>*]*[ \t]*[:：][\])>*]*[ \t]*"
)
# What a question is labelled as, and how one begins that is none by its mark.
ASKS = pattern(rf"(?s)(?:.*\W)?{spoken('question')}(?: is| lautet)?(?: as follows| below)?\W*")
WANTS = pattern(rf"\W*(?:{spoken('polite')} )*{spoken('wants')}")
STATES = pattern(rf"\W*{spoken('asks')}")
LABEL = re.compile(
    rf"(?s)([^.!?:。！？：]{{1,200}}?)(?::\s+|：\s*|(?<=\w):(?=[A-ZÄÖÜ{EAST}])|(?<=[{EAST}]):\s*)(\S.*)"
)
INLINE = re.compile(r"</?(?:[abisu]|code|em|font|mark|small|span|strong|su[bp])(?:\s[^<>]*)?>")
TAG = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)((?:\s[^<>]*?)?)(/?)>")
LEAF = re.compile(r"<(\w+)>([^<>|\n]{1,40}(?<![.?!。？！]))</\1>\s*")
FENCE = re.compile(r"`{3,}(?:\w*(?=\n))?|\"{3,}|'{3,}|<\|[^|<>\n]*\|>")
# JSON and what Python shows: a name, a quote that opens (a longer text) or closes, a bracket.
DATA = re.compile(
    r"(?sm)(?:[\"']?\b(?P<name>\w[\w -]{0,40})[\"']?\s*[:=]\s*|(?<=[\[{(,])|(?<=,\s)|^[ \t]*)"
    r"(?P<quote>[\"'])(?![\w -]{1,40}[\"']\s*:)"
    r"(?P<text>(?=(?:(?!(?P=quote)).){20}|(?:(?!(?P=quote)).)*[.?!。？！](?P=quote)))?"
    r"|[\"'](?P<key>\w[\w -]{0,40})[\"']\s*:(?P<opens>\s*\{)?"
    r"|(?P<end>(?<=[^\"']{20})|(?<=[.?!。？！]))?(?<!\\)[\"'](?=\s*[,\]})])"
    r"|(?P<bracket>[\[{](?=\s*[\"'\[{])|[\]}](?=\s*(?:[,\]}]|$)))"
)
IS_DATA = re.compile(r"[\[{(]\s*[\"'{\[]|=['\"]")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
ITEM = r"[ \t]*(?:[-*+>•]+|\d+[.)])[ \t]+"
# What goes on in the next line: an item in indented ones, a line that is long and has no end.
INDENTED = re.compile(rf"(?m)^(?:{ITEM}.*|\S.*:[ \t]*)(?:\n[ \t]+(?!{ITEM}|[#|])\S.*)+")
WRAPPED = re.compile(
    rf"(?m)^((?![ \t]*[#|])(?:.{{60,}}[^\s.!?:。！？：]|.*,))[ \t]*\n(?!{ITEM}|[ \t]*(?:[#|\n]|$))"
)
RULER = re.compile(r"(?m)^[ \t]*[|+][-=+|: \t]+[|+][ \t]*\n?")
MARKS = re.compile(r"\*\*|__|`|\[([^\]]*)\]\([^)]*\)")
# Where a sentence ends: not after an abbreviation, nor before a month or a small letter.
END = re.compile(
    rf"(?i:{spoken('abbreviation')}\.\s)|(?i:\d\.\s(?={spoken('month')}))"
    rf"|(?P<end>(?:[.!?…][\"'”’»)\]}}*]*(?:\s+(?![a-zß-ÿ])|(?=[{EAST}]))|[。！？]+[」』”]*\s*))"
)
WORD = re.compile(r"\w")
ASKING = 0.5


class Sentence(NamedTuple):
    """A sentence, the heading above, the paragraph that it is in, and what it is labelled as."""

    text: str
    heading: str = ""
    block: int = 0
    label: str = ""

    @property
    def asks(self) -> bool:
        """Whether it ends as a question does."""
        return self.text.rstrip("\"'”’»」』)*_ ").endswith(("?", "？"))


class Reading(NamedTuple):
    """A text, understood: what it asks, what else it says, and the earlier turns folded into it."""

    question: str
    told: tuple[Sentence, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()
    asks: bool = True

    @property
    def talks(self) -> bool:
        """Whether it names no topic, such as a request for a summary or a title."""
        named = terms(self.question) and not topics(self.question)
        return bool(named) if self.asks else any(map(talks, self.told))


@remembered
def read(text: str) -> Reading:
    """Take a user's text apart.

    Example:
        >>> read("My name is Bo. What is my name?").question
        'What is my name?'
    """
    parts = _told(text)
    strength, at = max(((_asking(part), at) for at, part in enumerate(parts)), default=(0, 0))
    block = {parts[at].block} if strength else ()
    asked = [part for n, part in enumerate(parts) if part.block in block and (n == at or part.asks)]
    question = " ".join(part.text for part in asked).strip(" \t\"'“”*_") or text.strip()
    others = [part for part in parts if part not in asked]
    turns = tuple((part.label, part.text) for part in others if part.label in TALKERS)
    told = tuple(part for part in others if part.label not in TALKERS)
    return Reading(question, told, turns, strength >= ASKING)


def _asking(part: Sentence) -> float:
    """How much a sentence looks like what a text asks."""
    name = (part.label or part.heading).strip(" \t#>*_-([{<\"'")
    if part.label in TALKERS[1:]:
        return 0
    named = len(topics(part.text))
    asked = 4.0 * bool(ASKS.fullmatch(name)) + 2.0 * bool(part.asks and named)
    # "When it rains, work stops." begins as a question does, and is none.
    states = STATES.match(part.text) and part.text.endswith((".", "。"))
    wanted = (ASKING + min(named, 9) / 100) * bool(WANTS.match(part.text) and not states)
    return asked or wanted or 0.1 * (name == TALKERS[0])


def told_by(*texts: str) -> list[Sentence]:
    """Everything that texts say, sentence by sentence, nothing carried from one to the next."""
    return [part for text in texts for part in (*_told(text), Sentence(""))]


@remembered
def _told(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text without its markup, each with its label."""
    parts: list[Sentence] = []
    label, until = "", -1
    for part in sentences(_unwrapped(text)):
        label = label if part.block <= until else ""
        spoken = label in TALKERS[1:]  # "You said: ..." is still the assistant's
        if not spoken and (found := LABEL.fullmatch(part.text)):
            label, until = found[1].strip(" ,"), part.block
            if WANTS.match(label) and not topics(label):
                parts.append(part._replace(text=label))
            part = part._replace(text=found[2])
        elif not spoken and part.text.endswith((":", "：")):
            label, until = part.text[:-1], part.block + 1
        parts.append(part._replace(label=label) if part.text[:-1] != label else part)
    return tuple(parts)


def _unwrapped(text: str) -> str:
    """A text without markup: quoted values as lines of their own, tags as headings."""
    text = re.sub(r"\[(/?[A-Z][A-Z_]{2,})\]", r"<\1>", text)
    text = re.sub(r"(?m)^\[([A-Za-z][\w. -]*)\]$", r"# \1", text)
    text = ROLE.sub(lambda role: f"\n\n{role.lastgroup}: ", text)
    text = _undressed(text) if IS_DATA.search(text) else text
    text = INLINE.sub("", FENCE.sub("\n\n", text))
    text = re.sub(r"<t[dh]\b[^<>]*>", "| ", re.sub(r"</t[dh]>", "", text))
    text = LEAF.sub(r"\1: \2, ", re.sub(r"</?(?:table|thead|tbody|tr)\b[^<>]*>", "\n", text))
    return html.unescape(TAG.sub(_as_heading, text))


def _undressed(data: str) -> str:
    """JSON, or what Python shows, as lines: each name with its value, longer texts alone."""
    text = ESCAPE.sub(_as_character, DATA.sub(_as_line, data))
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _undressed(text) if '\\"' in data else text


def _as_line(found: re.Match[str]) -> str:
    apart = any(found[group] is not None for group in ("text", "end", "bracket"))
    name = found["name"] or found["key"]
    if found["opens"]:
        return f"\n\n# {spaced(name)}\n\n"
    return ("\n\n" if apart else "") + (f"{spaced(name)}: " if name else "")


def _as_character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else {"n": "\n", "t": " "}.get(escape[2], escape[2])


def _as_heading(tag: re.Match[str]) -> str:
    """A tag as the heading of what it holds."""
    name = " ".join(re.findall(r"[^\s=\"']+", f"{tag[2]} {tag[3]}")).replace("_", " ")
    return "\n\n#\n\n" if tag[1] else f"\n\n{name}\n\n" if tag[4] else f"\n\n# {name}\n\n"


@remembered
def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text, each with the heading that it stands under."""
    text = INDENTED.sub(lambda item: item[0].replace("\n", " "), text)
    lines = _records(filter(str.strip, WRAPPED.sub(r"\1 ", RULER.sub("", text)).splitlines()))
    blocks = (" ".join(MARKS.sub(r"\1", re.sub(f"^{ITEM}", "", line)).split()) for line in lines)
    found, heading = list[Sentence](), ""
    for number, block in enumerate(filter(None, blocks)):
        if block.startswith("#"):
            heading = block.lstrip("# ").strip()
            continue
        block = re.sub(r"\s*\|\s*", ": ", block.strip("| "))
        parts = END.sub(lambda end: f"{end[0]}\n" if end["end"] else end[0], block).split("\n")
        found += [Sentence(part.strip(), heading, number) for part in parts if WORD.search(part)]
    return tuple(found)


def _records(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a text; in a table, each row with the names of its columns."""
    for (mark, _), found in groupby(lines, _columns):
        known = list(found)
        rows = [[cell.strip() for cell in line.strip("| ").split(mark or None)] for line in known]
        if mark and not re.search(r"[\d:]", "".join(rows[0])):
            cells = ([*zip(rows[0], row, strict=False)] for row in rows[1:])
            # A number of the row itself says nothing.
            told = (row[row[0][1] == str(n) :] for n, row in enumerate(cells, 1))
            known[1:] = [", ".join(f"{name}: {cell}" for name, cell in row) for row in told]
        yield from known


def _columns(line: str) -> tuple[str, int]:
    """What divides a line into cells, and how often: nothing in prose."""
    prose = line.rstrip(" *_\"'").endswith((".", "!", "?", ":", "。", "！", "？"))
    marks = () if prose else ("|", "\t", ";", ",")
    return next(((mark, line.count(mark)) for mark in marks if line.count(mark) > 1), ("", 0))


def talks(part: Sentence) -> bool:
    """Whether a sentence speaks of the talk rather than of a topic."""
    return len(topics(part.text)) <= 0.6 * len(terms(part.text))


def spaced(key: object) -> str:
    """A key as words: `openingTime` and `opening_time` are "opening time"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", str(key)).lower()


def decoded(text: str, at: int) -> tuple[object, int]:
    """The JSON value that begins somewhere, and where it ends."""
    with suppress(ValueError, RecursionError):
        return json.JSONDecoder(strict=False).raw_decode(text, at)
    return None, at
