"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.reading import spaced
from remote_agents.sandbox.mind.words import kinship, pattern, terms

COUNTED = (
    "no null 零|one ein eine einen 一|two zwei 二 两|three drei 三|four vier 四|five fünf 五|"
    "six sechs 六|seven sieben 七|eight acht 八|nine neun 九|ten zehn 十|eleven elf|twelve zwölf"
)
WORDS = {word: n for n, words in enumerate(COUNTED.split("|")) for word in words.split()}
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
MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zäé]*\.?"
FORMATS = {
    "email": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    "uri": r"https?://[^\s)\"'>]+",
    "date": r"\b\d{4}-\d{2}-\d{2}\b",
}
DATE = (
    rf"{FORMATS['date']}|\b\d{{1,2}}\.? {MONTH}(?: \d{{4}})?|(?:\d+年)?\d{{1,2}}月\d{{1,2}}日"
    rf"|\b{MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b|\b\d\d?\.\d\d?\.\d{{2,4}}\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
)
TIME = r"(?<!\d)\d{1,2}(?:[:.]\d\d)?(?: ?(?:uhr|[ap]\.?m\b\.?)|(?<=[:.]\d\d))|\d+点(?:半|\d+分)?"
NAME = r"(?-i:\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|de|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+)"
# What a text field is for, by its name or description, and what it looks like in a sentence.
KINDS = {
    r"e-?mail": FORMATS["email"],
    r"\b(?:url|link|website|uri)\b": FORMATS["uri"],
    r"phone|telefon|电话": r"\+?\d[\d ()/-]{5,}\d",
    r"\b(?:date|day|deadline|birthday|when|wann)\b|datum|stichtag|日期": DATE,
    r"\btime|\bhours?\b|\b(?:open|clos|start|end|begin)|\bwhen\b|uhr|öffn|oeffn|zeit|时间": TIME,
    r"\b(?:version|release)\b": r"\bv?\d+(?:\.\d+)+\b",
    r"name|person|author|officer|\blead|manager|contact|\bwho\b|leiter|ansprech|owner": NAME,
}
AMOUNTS = re.compile(
    r"price|cost|fee|amount|duration|length|distance|limit|number|count|quantity|height|width|"
    r"weight|size|age\b|budget|total|preis|kosten|betrag|dauer|länge|höhe|anzahl|价格|费用|数量"
)
PROSE = re.compile(r"answer|text|summary|content|reason|expla|response|descri|detail|quote|note")
NOT = pattern(
    r"\b(?:no|not|never|cannot|nobody|without|forbidden|prohibited|\w+n't|nicht|kein\w*|nie|"
    r"niemals|verboten)\b|不|没|禁止|未"
)
IS = pattern(r"\b(?:is|are|was|were|ist|sind|war|lautet|heißt|called|named)\s+|[=:：]\s*|是|为")
ITEM = r"[^\s,，、.:]+(?: [^\s,，、.:]+)?"
LIST = re.compile(rf"{ITEM}(?:[,，、] ?{ITEM})+(?:,? (?:and|und|or|oder) |和){ITEM}")


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
    bounds = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")
    ends = [float(schema[bound]) for bound in bounds if bound in schema]
    step = schema.get("multipleOf", 1)
    tried = [figure.value for figure in _figures(field, said, question)]
    tried += [0.0, *(end + by for end in ends for by in (0, 1, -1, 0.5, -0.5)), sum(ends) / 2]
    tried += [(end // step + by) * step for end in ends for by in (0, 1)]
    allowed = (v for v in tried if _within(v, schema) and (kind == "number" or v.is_integer()))
    value = next(allowed, 0.0)
    return int(value) if value.is_integer() else value


def _within(value: float, schema: JsonObject) -> bool:
    return bool(
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and schema.get("exclusiveMinimum", value - 1) < value
        and value < schema.get("exclusiveMaximum", value + 1)
        and not value % schema.get("multipleOf", value or 1)
    )


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


def text(field: Field, said: Sequence[str], question: str) -> str | None:
    """What a text field wants of the sentences: a time, a price, a name; None for all of it."""
    if not said or PROSE.search(field.name.lower()):
        return said[0] if said else None
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
    parts = re.split(r"[,，、]\s?|\s(?:and|und|or|oder)\s|和", found[0]) if found else []
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


def formatted(form: str, said: Sequence[str]) -> str | None:
    """A date, an address or a link that the sentences hold, as JSON schema writes it."""
    return _first(FORMATS[form], said) if form in FORMATS else None
