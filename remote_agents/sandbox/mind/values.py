"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from operator import ge, gt, itemgetter, le, lt
from typing import Any, NamedTuple, TypeVar

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.words import NUMBERS, NUMERALS, kinship, pattern, spoken, terms

T = TypeVar("T")
# A number, its unit, and the words after it.
NUMBER = pattern(
    r"((?<![a-zß-ÿ\d_.,:/[-])-?\d+(?:[.,]\d+)*(?![\d:/]|-(?!year)|[^\W\u4e00-\u9fff]*-\d)"
    rf"|\b(?:{NUMERALS})\b|[一二三四五六七八九十两]+(?=[\u4e00-\u9fff]))"
    r"(?=([ \u00a0]?(?:[%€$£°℃]|[^\W\d_]+(?:/[^\W\d_]+)?)|))(?=([^\d.,;]{0,20}))"
)
NEVER = r"(?!)"
EMAIL, MONTH = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", rf"{spoken('month')}(?:\.(?=[ ,]))?"
DATE = (
    rf"\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}}\.? {MONTH}(?: \d{{4}})?"
    rf"|{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d\d?\.\d\d?\.\d{{2,4}}\b"
    rf"|(?:\d+年)?\d{{1,2}}月\d{{1,2}}日|{spoken('day')}"
)
TIME = r"(?<!\d)\d{1,2}(?:[:.]\d\d)?(?: ?(?:uhr|[ap]\.?m\b\.?)|(?<=[:.]\d\d))|\d+点(?:半|\d+分)?"
WORD = r"[A-ZÄÖÜ][a-zß-ÿ][\w'’-]*"
CAPITALISED = rf"(?-i:\b(?!{spoken('no name')}){WORD})"
PLACE = rf"(?-i:{spoken('before a place')} ({WORD}(?: {WORD})*))"
NAME = r"(?-i:\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|de|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+)"
NAMES = re.compile(f"{NAME}|{CAPITALISED}")
# What a text is for, by the format that its schema has or else by these words in its field: what it
# looks like in a sentence, and what obeys the format where nothing is said.
KINDS = {
    "email": (spoken("an address"), EMAIL, "people@northwind-harbor.example"),
    "uri": (spoken("a link"), r"https?://[^\s)\"'>]+", "https://northwind-harbor.example/handbook"),
    "phone": (spoken("a phone"), r"\+?\d[\d ()/-]{5,}\d", ""),
    "date": (spoken("a date"), DATE, "2025-01-31"),
    "hour": (spoken("a time"), TIME, ""),
    "place": (spoken("a place"), PLACE, ""),
    "colour": (spoken("a colour"), spoken("colour"), ""),
    "name": (spoken("a name"), NAME, ""),
    "version": (spoken("a version"), r"\bv?\d+(?:\.\d+)+\b", ""),
    "date-time": (NEVER, r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)", "2025-01-31T09:00:00Z"),
    "time": (NEVER, NEVER, "09:00:00Z"),
    "uuid": (NEVER, NEVER, "3f2b8c1e-7a4d-4e9b-8c56-0d1f2a3b4c5d"),
    "ipv4": (NEVER, r"\b\d{1,3}(?:\.\d{1,3}){3}\b", "127.0.0.1"),
    "duration": (NEVER, NEVER, "P1D"),
}
BOUNDS = {"minimum": ge, "exclusiveMinimum": gt, "maximum": le, "exclusiveMaximum": lt}
RULES = BOUNDS | {"multipleOf": lambda value, step: not value % step}
NOT, AMOUNT, GERMAN = map(pattern, map(spoken, ("not", "an amount", "decimal comma")))
# Fields for the question itself, and for whole sentences.
ASKED, PROSE = (pattern(rf"{spoken(kind)}\Z") for kind in ("question", "prose"))
IS = pattern(rf"(?:{spoken('is')}|[=：]|:(?!\d))\s*")
# What a sentence says that something is, in a few words.
SAID_TO_BE = rf"{IS.pattern}[\"'“]?([^\s,，]+?(?: [^\s,，]+?){{0,3}}?)(?=[.。\"'”]*$|[,，])"
# Where a labelled value ends: at the next label, or where the sentence does.
NEXT = r"[,;，；]\s?[^,;:：，；]{1,30}[:=：]|[.。]?$"
COMMA = pattern(rf"[,，、]\s?(?:{spoken('or')}\s)?|\s?{spoken('or')}\s?")


class Field(NamedTuple):
    """What a value is for: its name with those of what it is part of, and its description."""

    title: str
    description: str


def number(schema: JsonObject, kind: str, field: Field, said: list[str], question: str) -> float:
    """The number with the unit that the field names, else the first that is allowed."""
    limits = ({"multipleOf": 1} if kind == "integer" else {}) | schema
    rules = [(limits[name], holds) for name, holds in RULES.items() if name in limits]
    step = limits.get("multipleOf", 1)
    near = [(end // step + by) * step for end, _ in rules for by in (0, 1, -1)]
    tried = [*(value for _, value, _ in _figures(field, said, question)), 0.0, *near]
    allowed = (value for value in tried if all(holds(value, end) for end, holds in rules))
    value = next(allowed, sum(end for end, _ in rules) / 2)
    return int(value) if value == int(value) else value


def _figures(field: Field, said: Sequence[str], question: str) -> list[tuple[int, float, str]]:
    """The numbers of some sentences that the question does not hold, those of the unit first.

    Each with whether the field names its unit or the word before it, and as it is written, with
    its unit.
    """
    asked = {_value(word, question) for word, *_ in NUMBER.findall(question)}
    title, names = terms(field.title), terms(" ".join(field))
    figures = list[tuple[list[int], float, str]]()
    for found in chain.from_iterable(map(NUMBER.finditer, said)):
        value, units = _value(found[1], f"{found.string} {question}"), terms(found[3])
        before = terms(" ".join(found.string[: found.start()].rsplit(maxsplit=1)[-1:]))
        unit = found[2] if len(found[2]) < 3 or terms(found[2]) else ""
        article, at = value in (0, 1) and not found[1].isdigit(), said.index(found.string)
        own, named = _akin(units, title[-1:]), _akin(units, names)
        fits = [not article, own, named, -at, _akin(before, title)]
        figures += [(fits, value, found[1] + unit)]
    best = sorted(figures, key=itemgetter(0), reverse=True)
    return [(fits[2] or fits[4], value, shown) for fits, value, shown in best if value not in asked]


def _akin(words: Sequence[str], names: tuple[str, ...]) -> bool:
    return any(kinship(word, names) for word in words)


def _value(word: str, text: str) -> float:
    if not word[-1].isdigit():
        tens, ten, ones = word.lower().rpartition("十")
        return 10.0 * len(ten) * NUMBERS.get(tens, 1) + NUMBERS.get(ones, 0)
    # A separator before exactly three digits divides thousands, a single point in German only.
    single = re.fullmatch(r"-?\d+\.\d+", word) and not GERMAN.search(text)
    plain = word if single else re.sub(r"(?<!\b0)[.,](?=\d{3}\b)", "", word).replace(",", ".")
    return float(".".join(plain.split(".")[:2]))


def text(schema: JsonObject, field: Field, said: list[str], known: list[str], question: str) -> str:
    """What a text field wants of the sentences, a time, a price, a name, else all of the best.

    What tells itself by its form is looked for in other sentences as well.
    """
    _, form, default = KINDS.get(schema.get("format", ""), (NEVER, NEVER, ""))
    if default:
        shown = _all(form, known)
        return next(_iso_dates(shown) if form is DATE else shown, default)
    asked = [question] if ASKED.search(field.title) else []
    cut = [] if PROSE.search(field.title) else _pieces(field, said, known, question)
    value = next(filter(None, chain(asked, cut, known)), "")
    return value.ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]


def _iso_dates(dates: Iterator[str]) -> Iterator[str]:
    """Dates of any form as 2024-05-03; none without a year, or with a month not in English."""
    for shown in dates:
        plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)|(?<=\w)[,.](?= )", "", shown)
        for form in ("%Y-%m-%d", "%d %B %Y", "%B %d %Y", "%d %b %Y", "%d.%m.%Y", "%Y年%m月%d日"):
            with suppress(ValueError):
                yield time.strftime("%Y-%m-%d", time.strptime(plain, form))


def _pieces(field: Field, said: list[str], known: list[str], question: str) -> Iterator[str]:
    """The parts of the sentences that a field may be for, the likeliest first."""
    about = " ".join(field)
    wanted = [form for words, form, _ in KINDS.values() if re.search(words, about, re.IGNORECASE)]
    label = "|".join(map(re.escape, field.title.split())) or NEVER
    labelled = [*_all(rf"(?:^|[,;，；]\s?)(?:(?:{label})\s?)+[:=：]\s*(.+?)(?={NEXT})", said)][:1]
    return chain(
        *(_all(form, labelled or known) for form in wanted),
        labelled,
        (shown for *_, shown in _figures(field, known[:1], question) if AMOUNT.search(about)),
        _all(SAID_TO_BE, said[:1]),
        _all(CAPITALISED, known if NAME in wanted else []),
    )


def _all(form: str, said: list[str]) -> Iterator[str]:
    found = (one for sentence in said for one in re.finditer(form, sentence, re.IGNORECASE))
    return (one[one.lastindex or 0].strip() for one in found)


def guessed(field: Field, said: list[str]) -> str:
    """The type of a field that has none: a number that is counted, what is so, or a text."""
    if said and set(terms(said[0])) <= set(terms(field.title)):
        return "boolean"
    counts, figures = AMOUNT.search(" ".join(field)), _figures(field, said[:1], "")
    return "number" if any(counts or named for named, *_ in figures) else "string"


def listed(said: list[str]) -> list[str]:
    """The things that the best sentence lists."""
    things = COMMA.split(IS.split(said[0])[-1].strip(" .。")) if said else []
    return things if len(things) > 2 and all(0 < len(thing.split()) < 4 for thing in things) else []


def nearest(options: Sequence[T], words: tuple[str, ...], text: Callable[[T], str]) -> list[T]:
    """The options that share words with others, the best first and those nearly as good."""
    shared = [sum(kinship(term, words) for term in set(terms(text(one)))) for one in options]
    enough = max(0.3 * max(shared, default=0), 0.1)
    order = sorted(range(len(options)), key=lambda at: -shared[at])
    return [options[at] for at in order if shared[at] >= enough]


def choice(options: Sequence[Any], said: list[str]) -> Any:
    """The option that the sentences speak of, the best sentence first; else the first."""
    near = (option for text in said for option in nearest(options, terms(text), str))
    return next(near, options[0])
