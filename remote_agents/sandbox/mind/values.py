"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.reading import spaced
from remote_agents.sandbox.mind.words import kinship, pattern, spoken, terms, words_of

WORDS = {
    word: n
    for words in words_of("number")
    for n, each in enumerate(words)
    for word in each.split("/")
}
NUMERALS = "|".join(word for word in WORDS if word < "一")
NUMBER = pattern(
    r"(?<![\w.,:/-])-?\d+(?:[.,]\d+)*(?![\d:/-]|[^\W\u4e00-\u9fff]*-\d)"
    rf"|(?<=[\u4e00-\u9fff])\d+(?:\.\d+)?(?![\d:])"
    rf"|\b(?:{NUMERALS})\b"
    r"|[一二三四五六七八九十两]+(?=[\u4e00-\u9fff])"
)
UNIT = re.compile(
    r"[ \u00a0]?(?:[%€$£°℃]|[^\W\d_]+)(?:[ \u00a0](?:per|pro|a|an|je)[ \u00a0][^\W\d_]+)?"
)
FORMATS = {
    "email": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "uri": r"https?://[^\s)\"'>]+",
    "date": r"\b\d{4}-\d{2}-\d{2}\b",
}
NEVER = r"(?!)"
DEFAULTS = {
    "date": "2025-01-31",
    "date-time": "2025-01-31T09:00:00Z",
    "time": "09:00:00Z",
    "email": "people@northwind-harbor.example",
    "uri": "https://northwind-harbor.example/handbook",
    "uuid": "3f2b8c1e-7a4d-4e9b-8c56-0d1f2a3b4c5d",
    "ipv4": "127.0.0.1",
    "duration": "P1D",
}
MONTH = rf"{spoken('month')}\.?"
DATE = (
    rf"{FORMATS['date']}|\b\d{{1,2}}\.? {MONTH}(?: \d{{4}})?|(?:\d+年)?\d{{1,2}}月\d{{1,2}}日"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d\d?\.\d\d?\.\d{{2,4}}\b"
    rf"|{spoken('day')}"
)
TIME = r"(?<!\d)\d{1,2}(?:[:.]\d\d)?(?: ?(?:uhr|[ap]\.?m\b\.?)|(?<=[:.]\d\d))|\d+点(?:半|\d+分)?"
NAME = r"(?-i:\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|de|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+)"
# What a text field is for, by its name or description, and what it looks like in a sentence.
KINDS = {
    spoken("an address"): FORMATS["email"],
    r"\b(?:url|link|website|uri)\b": FORMATS["uri"],
    spoken("a phone"): r"\+?\d[\d ()/-]{5,}\d",
    spoken("a date"): DATE,
    spoken("a time"): TIME,
    r"\b(?:version|release)\b": r"\bv?\d+(?:\.\d+)+\b",
    spoken("a name"): NAME,
}
AMOUNTS, ASKED, PROSE = (pattern(spoken(kind)) for kind in ("an amount", "question", "prose"))
BOUNDS = {"minimum": ge, "exclusiveMinimum": gt, "maximum": le, "exclusiveMaximum": lt}
NOT, IS = pattern(spoken("not")), pattern(rf"{spoken('is')}\s*|[=:：]\s*")
OR = spoken("or")
ITEM = r"[^\s,，、.:]+(?: [^\s,，、.:]+)?"
LIST = re.compile(rf"{ITEM}(?:[,，、] ?{ITEM})+,? ?{OR} ?{ITEM}")


class Field(NamedTuple):
    """What a value is for."""

    name: str
    description: str = ""
    path: str = ""

    @property
    def title(self) -> str:
        """What it is part of, and its name, as words."""
        return spaced(f"{self.path} {self.name}").strip()

    @property
    def words(self) -> str:
        """All that is said about it."""
        return f"{self.title} {self.description.lower()}"


class Figure(NamedTuple):
    """A number of a sentence, as it stands there with its unit, and the words after it."""

    value: float
    shown: str
    after: str


def number(
    schema: JsonObject, kind: str, field: Field, said: Sequence[str], question: str
) -> int | float:
    """The number with the unit that the field names, else the first that is allowed."""
    ends, step = [schema[bound] for bound in BOUNDS if bound in schema], schema.get("multipleOf", 1)
    tried = [figure.value for figure in _figures(field, said, question)]
    tried += [0.0, *((end // step + by) * step for end in ends for by in (0, 1, -1, 0.5))]
    allowed = (v for v in tried if _within(v, schema) and (kind == "number" or v == int(v)))
    value = next(allowed, sum(ends) / 2)
    return int(value) if kind == "integer" or value == int(value) else value


def _within(value: float, schema: JsonObject) -> bool:
    step = schema.get("multipleOf", value or 1)
    held = (holds(value, schema[bound]) for bound, holds in BOUNDS.items() if bound in schema)
    return all(held) and not value % step


def _figures(field: Field, said: Sequence[str], question: str) -> list[Figure]:
    """The numbers of some sentences that the question does not hold, those of the unit first."""
    asked, named = {figure.value for figure in _numbers(question)}, terms(field.words)

    def order(figure: Figure) -> tuple[bool, bool]:
        article = figure.value in (0, 1) and not figure.shown[0].isdigit()
        return article, not any(kinship(unit, named) for unit in terms(figure.after[:20]))

    figures = [figure for sentence in said for figure in _numbers(sentence)]
    return sorted((figure for figure in figures if figure.value not in asked), key=order)


def _numbers(text: str) -> list[Figure]:
    figures = []
    for one in NUMBER.finditer(text):
        after = NUMBER.split(text[one.end() :], maxsplit=1)[0]
        unit = UNIT.match(after)
        figures.append(Figure(_value(one[0], text), one[0] + (unit[0] if unit else ""), after))
    return figures


def _value(word: str, text: str) -> float:
    if word.lower() in WORDS:
        return float(WORDS[word.lower()])
    if not word[-1].isdigit():
        tens, ten, ones = word.rpartition("十")
        return float(10 * WORDS.get(tens, 1) + WORDS.get(ones, 0)) if ten else 0.0
    if re.search(r"\b(?:der|die|das|und|ist|kostet|für|von)\b|Euro\b", text):
        word = re.sub(r"\.(?=\d{3}\b)", "", word)
    word = re.sub(r",(?=\d{3}\b)", "", word).replace(",", ".")
    return float(word if word.count(".") < 2 else word.partition(".")[0])


def text(schema: JsonObject, field: Field, said: Sequence[str], question: str) -> str:
    """What a text field wants of the sentences, a time, a price, a name, else all of the best."""
    if (form := schema.get("format")) in DEFAULTS:
        return _first(FORMATS.get(form, NEVER), said) or DEFAULTS[form]
    found = question if ASKED.search(field.name) else _piece(field, said, question)
    return (found or said[0]).ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]


def _piece(field: Field, said: Sequence[str], question: str) -> str | None:
    """The part of the sentences that a field is for; None for all of the best one."""
    if PROSE.search(field.name.lower()):
        return None
    for kind, form in KINDS.items():
        if re.search(kind, field.words) and (found := _first(form, said)):
            return found
    if AMOUNTS.search(field.words) and (figures := _figures(field, said[:1], question)):
        return figures[0].shown
    return _complement(said[0])


def _first(form: str, said: Sequence[str]) -> str | None:
    found = (re.search(form, sentence, re.IGNORECASE) for sentence in said)
    return next((one[0].strip() for one in found if one), None)


def _complement(sentence: str) -> str | None:
    """What something is: a few words after "is"."""
    parts = IS.split(sentence, maxsplit=1)
    said = parts[-1].strip(" .。\"'“”")
    return said if len(parts) == 2 and 0 < len(said.split()) <= 4 and len(said) < 40 else None


def listed(said: Sequence[str]) -> list[str]:
    """The things that the best sentence lists."""
    found = LIST.search(said[0]) if said else None
    parts = re.split(rf"[,，、]\s?|\s?{OR}\s?", found[0]) if found else []
    return [part.strip() for part in parts if part.strip()]


def choice(options: Sequence[Any], said: Sequence[str]) -> Any:
    """The option that the sentences speak of, the best sentence first; else the first."""
    for sentence in said:
        words = terms(sentence)
        kin = [sum(kinship(t, words) for t in terms(str(option))) for option in options]
        if any(kin):
            return options[kin.index(max(kin))]
    return options[0]


def is_affirmed(sentence: str) -> bool:
    """Whether a sentence says that something is so."""
    return not NOT.search(sentence)
