"""What a prompt asks and what it tells: a question, sentences to answer from, earlier turns.

Prompts arrive in every shape: a bare question, a question after pages of context, a retrieval
template, JSON, tags, a whole dialogue folded into one text. Only the question has to be found:
everything else is told, whatever it looks like, and the scores decide what answers.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from remote_agents.sandbox.mind.values import CAPITALISED
from remote_agents.sandbox.mind.words import EAST, TOKEN, pattern, remembered, spoken, terms, topics

TALKERS = ("user", "assistant")
# What a question is labelled as, and how one begins that is none by its mark.
ASKS = pattern(rf"(?s)(?:.*\W)?{spoken('question')}(?: is| lautet)?(?: as follows| below)?\W*")
ANSWER = pattern(spoken("answer"))
WANTS = pattern(rf"\W*(?:{spoken('polite')} )*{spoken('wants')}")
# "When it rains, work stops." begins as a question does, and is none.
STATES = pattern(rf"\W*(?!{spoken('polite')}){spoken('asks')}.*[.。]")
LABEL = re.compile(rf"([^.!?:。！？：]{{1,200}}?)(?:：|(?<=[{EAST}]):|:(?![a-z\d/\\]))\s*(\S.*)?")
# JSON and what Python shows: a name before its value, never tried shorter, and where a text begins.
IS_DATA = re.compile(r"[\[{(]\s*[\"'{\[]|=['\"]")
NAME = r"[\"']?\b(?=(\w[\w -]{0,40}))\1[\"']?[ \t]*[:=][ \t]*"
BEGIN = r"(?:(?<=[\[{(,])|(?<=,\s)|^[ \t]*)"
ESCAPED = re.compile(r"(?:\\(?:u[\da-fA-F]{4}|[\\\"/bfnrt]))+")
ROLE = r"^[ \t]*(?:[\[<(*#]+ ?)?(?i:{})(?i: message)?[\])>*]*[ \t]*[:：][\])>*]*[ \t]*"
TAG = r"[A-Za-z_][\w:.-]*(?:\s[^<>]*)?"
INLINE = "[abisu]|code|em|font|mark|small|span|strong|su[bp]|table|thead|tbody"
ITEM = r"[ \t]*(?:[-*+>•・]+|\d+[.)])[ \t]+"
# What goes on in the next line: an item in indented ones, a line that is long and has no end.
INDENTED = rf"^(?:{ITEM}.*|\S.*:[ \t]*)(?:\n[ \t]+(?!{ITEM}|[#|])\S.*)+"
WRAPPED = rf"^([^#\n].{{60,}}[^\s.!?:|)\]}}。！？：]|[^#\n]*,)[ \t]*\n(?!{ITEM}|[ \t]*(?:[#|\n]|$))"
# Markup, and what it becomes: longer texts are lines of their own, tags are headings.
MARKUP: dict[str, str | Callable[[re.Match[str]], str]] = {
    # Who speaks, and names in brackets.
    **{ROLE.format(spoken(who)): rf"\n\n{who}: " for who in TALKERS},
    r"\[(/?[A-Z][A-Z_]{2,})\]|^\[([A-Za-z][\w. -]*)\]$": r"<\1\2>",
    r"\\'": "'",
    # Data: a name opens an object, or a text, which is a line of its own if it is long.
    r"\b[a-z]+(?:_|(?=[A-Z]))\w+(?=[\"']\s*:|\s*[:=]\s*[\"'{\[])": lambda name: spaced(name[0]),
    rf"{NAME}\{{": r"\n\n# \1\n\n",
    r"[\[{](?=\s*[\"'\[{])|[\]}](?=\s*(?:[,\]}\"']|$))": r"\n\n",
    rf"(?:{NAME}|{BEGIN})([\"'])(?=[^\"']{{20}}|(?:(?!\2).)*[.?!。？！]\2)": r"\n\n\1: ",
    r"[\"'](?:(?<=[^\"']{20}.)|(?<=[.?!。？！].))(?=\s*(?:[,\]})]|$))": r"\n\n",
    rf"{BEGIN}[\"']|[\"'](?=\s*(?:[:,\]}})>]|/>|\w+=[\"']|$))": "",
    rf"{NAME}[\"']": r"\1: ",
    # Fences and tags.
    r"`{3,}(?:\w*(?=\n))?|\"{3,}|'{3,}|<\|[^|<>\n]*\|>": r"\n\n",
    r"<t[dh]\b[^<>]*>\s*": "",
    r"\s{0,99}</t[dh]>\s*": "|",
    r"<tr\b[^<>]*>\s*": r"\n|",
    r"</tr>": r"\n",
    rf"</?(?:{INLINE})(?:\s[^<>]*)?>": "",
    r"<(\w+)>([^<>|\n]{1,40}(?<![.?!。？！]))</\1>\s*(?!\|)": r"\1: \2, ",
    rf"<({TAG})/>": r"\n\n\1\n\n",
    rf"</{TAG}>|<({TAG})>": r"\n\n# \1\n\n",
    # Lines.
    INDENTED: lambda item: item[0].replace("\n", " "),
    WRAPPED: r"\1 ",
    rf"^[ \t]*[|+][-=+|: \t]+[|+][ \t]*\n?|^{ITEM}|\*\*|__|`": "",
    r"\[([^\]]*)\]\([^)]*\)": r"\1",
}
PATTERNS = [(re.compile(mark, re.MULTILINE), instead) for mark, instead in MARKUP.items()]
# Where a sentence ends: not after an abbreviation or an initial, nor before a month or a small
# letter, which may begin one after a question.
END = re.compile(
    rf"((?i:{spoken('abbreviation')}\.\s|\d\.\s(?={spoken('month')}))"
    rf"|(?<![^\s(])[A-HJ-Z]\.\s(?={CAPITALISED}|[A-Z]\.))|[?!]\s+"
    rf"|[.!?…][\"'”’»)\]}}*]*(?:\s+(?![a-zß-ÿ])|(?=[{EAST}]))|[。！？؟।]+[」』”]*\s*"
)


class Sentence(NamedTuple):
    """A sentence, the heading above, its line, its label, and what its paragraph begins with."""

    text: str
    heading: str = ""
    block: int = 0
    label: str = ""
    lead: str = ""

    @property
    def asks(self) -> bool:
        """Whether it ends as a question does."""
        return bool(re.search(r"[?？؟][\W_]*\Z", self.text[-20:]))

    @property
    def answers(self) -> bool:
        """Whether it is labelled as an answer, and is one."""
        return bool(ANSWER.fullmatch(self.label)) and not self.text.endswith((":", "："))


class Reading(NamedTuple):
    """A text, understood: what it asks, what else it says, and the earlier turns folded into it."""

    question: str
    told: Sequence[Sentence] = ()
    turns: Sequence[tuple[str, str]] = ()
    asks: bool = True

    @property
    def talks(self) -> bool:
        """Whether it names no topic, such as a request for a summary or a title."""
        named = terms(self.question) and not _names(self.question)
        return bool(named) if self.asks else any(map(talks, self.told))


@remembered
def read(text: str) -> Reading:
    """Take a user's text apart.

    Example:
        >>> read("My name is Bo. What is my name?").question
        'What is my name?'
    """
    # A question with its answer is told; the last of the strongest is asked.
    pairs = pairwise([*sentences(text), Sentence("")])
    found = [(part, _asking(part) * (not then.answers)) for part, then in pairs]
    most, block = max(((each, part.block) for part, each in found if each), default=(0, -1))
    below = [part for part, _ in found if part.block > block]
    # What stands below a talk that the agent ended is its newest message.
    if 0 < most < 1 and TALKERS[1] in {part.label for part in below} and not below[-1].label:
        most, block = 0, below[-1].block
    asked = [part for part, each in found if part.block == block and (part.asks or each == most)]
    question = " ".join(part.text for part in asked).strip(" \t\"'“”*_") or text.strip()
    others = [part for part, _ in found if part not in asked]
    turns = [(part.label, part.text) for part in others if part.label in TALKERS]
    told = [part for part in others if part.label not in TALKERS]
    return Reading(question, told, turns, most >= 1)


def _asking(part: Sentence) -> float:
    """How much a sentence looks like what a text asks."""
    if part.label == TALKERS[1]:
        return 0
    name = part.label or part.heading
    named = len(topics(part.text))
    orders = WANTS.match(part.text) and not STATES.fullmatch(part.text)
    asked = 4 * bool(ASKS.fullmatch(name)) + 2 * bool(part.asks and named)
    # Of several orders, the one that names most; without any, what a user said last.
    return asked or (1 + min(named, 9) / 10 if orders else 0.1 * (name == TALKERS[0]))


def _names(text: str) -> bool:
    """Whether a text names a topic, which "three sentences" do not."""
    return not all(map(str.isdigit, topics(text)))


def told_by(*texts: str) -> list[Sentence]:
    """Everything that texts say, sentence by sentence, nothing carried from one to the next."""
    return [part for text in texts for part in (*sentences(text), Sentence(""))]


@remembered
def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text without its markup, each with its label and its heading."""
    found, heading, label, lead = list[Sentence](), "", "", ""
    for block, line in enumerate(_rows(_plain(text).splitlines())):
        if line.startswith("#"):
            heading, label, line = line.strip("# "), "", ""
            # A comment, or a heading that tells something itself.
            line = heading if len(terms(heading)) > 2 or LABEL.fullmatch(heading) else ""
        ended = END.sub(lambda end: end[0] if end[1] else f"{end[0]}\n", line)
        for said in filter(TOKEN.search, map(str.strip, ended.split("\n"))):
            # "You said: ..." is still the assistant's.
            labelled = LABEL.fullmatch(said) if label != TALKERS[1] else None
            if labelled:
                label = labelled[1].strip(" ,")
                if WANTS.match(label) and not _names(label):
                    found.append(Sentence(label, heading, block))
            rest = (labelled[2] if labelled else said) or said
            rest = rest.strip('"') if rest.count('"') == 1 else rest
            found.append(Sentence(rest, heading, block, label, lead))
        lead = line and (lead or (" " if END.search(f"{line} ") else line))
        label = label if not line or line.endswith((":", "：")) else ""
    return tuple(found)


def _plain(text: str) -> str:
    """A text with line breaks, headings and labels for its markup."""
    if IS_DATA.search(text):
        text = ESCAPED.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)
    for mark, instead in PATTERNS:
        text = mark.sub(instead, text)
    return html.unescape(text).encode(errors="replace").decode()  # half an emoji is none


def _rows(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a text; in a table, each row with the names of its columns."""
    names, number = list[str](), 0
    for line in (each.strip(" ") for each in lines):
        # What ends as a sentence does has no commas between columns.
        mark = re.search(r"\||(?:\t.*\t|;.*;|,.*,)(?!.*[.!?:。！？][ *_\"']*$)", line)
        row = re.sub(r"^\|(.*)\|$", r"\1", line)
        cells = [*map(str.strip, row.split(mark[0][0]))] if mark else []
        number += bool(line)
        if cells and len(cells) == len(names):
            told = [f"{name}: {cell}" for name, cell in zip(names, cells, strict=True) if cell]
            # A number of the row itself says nothing.
            line = ", ".join(told[cells[0] == str(number) :])
        elif line:
            names, number = [] if re.search(r"[\d:]", line) else cells, 0
        yield " ".join(re.sub(r"\s{0,99}\|", ": ", line.lstrip(":|, ").rstrip("| ")).split())


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
