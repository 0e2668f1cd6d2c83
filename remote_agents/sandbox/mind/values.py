"""A value out of a sentence: the number with the right unit, a time, a name, a yes or no."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.words import kinship, terms

WORDS = {
    name: number
    for number, names in {
        0: "no null 零",
        1: "one ein eine einen 一",
        2: "two zwei 二 两",
        3: "three drei 三",
        4: "four vier 四",
        5: "five fünf 五",
        6: "six sechs 六",
        7: "seven sieben 七",
        8: "eight acht 八",
        9: "nine neun 九",
        10: "ten zehn 十",
        11: "eleven elf 十一",
        12: "twelve zwölf 十二",
        20: "twenty zwanzig 二十",
        30: "thirty dreißig 三十",
        50: "fifty fünfzig 五十",
        100: "hundred hundert 百",
    }.items()
    for name in names.split()
}
EAST_NUMBER = r"[一二三四五六七八九十百两]+"
NUMBER = re.compile(
    r"(?<![\w.,:/-])-?\d+(?:[.,]\d+)*(?![\d:/-]|\w*-\d)"
    rf"|\b(?:{'|'.join(w for w in WORDS if w.isascii() or w[0] in 'fzd')})\b"
    rf"|{EAST_NUMBER}(?=[\u4e00-\u9fff])",
    re.IGNORECASE,
)
GERMAN = re.compile(r"\b(?:der|die|das|und|ist|sind|beträgt|kostet|für|von)\b|Euro\b")
UNIT = r"[ \u00a0]?(?:[%€$£°℃]|[^\W\d_]+)(?:[ \u00a0](?:per|pro|a|an|je)[ \u00a0][^\W\d_]+)?"
MONTHS = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zäé]*\.?"
KINDS = (
    ("email e-mail mail", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("url link website uri", r"https?://[^\s)\"'>]+"),
    ("phone telephone telefon 电话", r"\+?\d[\d ()/-]{5,}\d"),
    (
        "date day deadline datum stichtag birthday when 日期",
        (
            rf"\b\d{{4}}-\d\d-\d\d\b|\b\d{{1,2}}\.? {MONTHS}(?: \d{{4}})?"
            rf"|\b{MONTHS} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?\b"
            r"|(?:\d+年)?\d{1,2}月\d{1,2}日|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b"
            r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
        ),
    ),
    (
        (
            "time hour hours opening opens open closes closing start starts end ends begin begins "
            "uhrzeit öffnungszeit beginn ende zeit when 时间"
        ),
        (
            r"\b\d{1,2}[:.]\d\d(?: ?(?:uhr|[ap]\.?m\.?))?|\b\d{1,2} ?(?:uhr|[ap]\.?m\b\.?)"
            r"|\d{1,2}点(?:半|\d+分)?"
        ),
    ),
    ("version release", r"\bv?\d+(?:\.\d+)+\b"),
)
AMOUNTS = frozenset(
    terms(
        "price cost fee amount duration length distance limit number count quantity percentage "
        "height width depth weight size temperature age budget total value preis kosten betrag "
        "dauer länge höhe anzahl gewicht 价格 费用 金额 时长 数量"
    )
)
MONEY = frozenset(terms("price cost fee budget salary preis kosten gebühr 价格 费用"))
UNITS = frozenset(
    terms(
        "second minute hour day week month quarter year night times euro dollar cent pound franc "
        "percent tonne ton kilogram gram pound metre meter kilometre mile litre degree person "
        "people employee character page item piece participant guest "
        "sekunde minute stunde tag woche monat jahr nacht prozent tonne gramm meter seite stück "
        "天 周 月 年 小时 分钟 元 吨 公里 米 人"
    )
)
PEOPLE = re.compile(r"name|person|author|officer|lead|manager|contact|who|leiter|ansprech|owner")
PROSE = re.compile(r"answer|text|summary|content|reason|expla|response|descri|detail|quote|note")
NAME = re.compile(
    r"\b[^\W\d_a-zß-ÿ][\w'’-]+(?:\s+(?:(?:van|von|de|der|da)\s+)*[^\W\d_a-zß-ÿ][\w'’-]*)+"
)
NOT = re.compile(
    r"\b(?:no|not|never|cannot|nobody|without|forbidden|prohibited|could not|isn't|aren't|don't|"
    r"doesn't|can't|nicht|kein\w*|nie|niemals|verboten)\b|不|没|禁止|未",
    re.IGNORECASE,
)
IS = re.compile(
    r"\b(?:is|are|was|were|equals|ist|sind|war|lautet|heißt|beträgt|called|named)\s+|[=:：]\s*|是|为",
    re.IGNORECASE,
)


ITEM = r"[^\s,，、.]+(?: [^\s,，、.]+)?"
LIST = re.compile(rf"{ITEM}(?:[,，、] ?{ITEM})+(?:,? (?:and|und|or|oder) |和){ITEM}")


class Field(NamedTuple):
    """What a value is for."""

    name: str
    description: str = ""
    path: str = ""

    @property
    def title(self) -> str:
        """What it is part of, and its name, as words."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", f"{self.path} {self.name}").strip()

    @property
    def about(self) -> str:
        """Its description; money is told by what it costs."""
        return f"{self.description} {'cost euro' if MONEY & set(terms(self.title)) else ''}".strip()

    @property
    def words(self) -> str:
        """All that is said about it."""
        return f"{self.title} {self.about}"


class Figure(NamedTuple):
    """A number of a sentence, as it stands there with its unit, and the words after it."""

    value: float
    shown: str
    after: str


def number(
    schema: JsonObject, kind: str, field: Field, said: Sequence[str], question: str
) -> int | float:
    """The number with the unit that the field names, else the first that is allowed."""
    for value, *_ in _figures(field, said, question):
        if _within(value, schema) and (kind == "number" or value.is_integer()):
            return int(value) if value.is_integer() else value
    return _allowed(schema, kind)


def _figures(field: Field, said: Sequence[str], question: str) -> list[Figure]:
    """The numbers of some sentences that the question does not hold, those of the unit first."""
    asked = {figure.value for figure in _numbers(question)}
    found = [each for text in said for each in _numbers(text) if each.value not in asked]
    named = terms(field.words)
    units = [term for term in named if term in UNITS] or named
    fitting = [f for f in found if any(kinship(unit, units) for unit in terms(f.after)[:3])]
    return [*fitting, *(figure for figure in found if figure not in fitting)]


def _numbers(text: str) -> list[Figure]:
    found = list(NUMBER.finditer(text))
    figures = []
    for one, other in zip_longest(found, found[1:]):
        after = text[one.end() : other.start() if other else None]
        unit = re.match(UNIT, after)
        figures.append(Figure(_value(one[0], text), one[0] + (unit[0] if unit else ""), after))
    return figures


def _value(word: str, text: str) -> float:
    word = word.lower()
    if word in WORDS:
        return float(WORDS[word])
    if not word[-1].isdigit() or word.strip("-")[:1] in WORDS:
        tens, ten, ones = word.rpartition("十")
        return float(10 * WORDS.get(tens, 1) + WORDS.get(ones, 0)) if ten else 0.0
    if GERMAN.search(text) and re.search(r",\d{1,2}$|\.\d{3}\b", word):
        word = word.replace(".", "").replace(",", ".")
    word = re.sub(r",(?=\d{3})", "", word).replace(",", ".")
    return float(word) if word.count(".") < 2 else float(word.partition(".")[0])


def _within(value: float, schema: JsonObject) -> bool:
    return bool(
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and value > schema.get("exclusiveMinimum", value - 1)
        and value < schema.get("exclusiveMaximum", value + 1)
        and value % schema.get("multipleOf", 1 if value.is_integer() else value or 1) == 0
    )


def _allowed(schema: JsonObject, kind: str) -> int | float:
    """A number that the schema allows, for what nothing is known of."""
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    ends = [float(end) for end in (low, high) if end is not None]
    tried = [0.0, *ends, *(end + step for end in ends for step in (1, -1)), sum(ends) / 2]
    step = schema.get("multipleOf")
    tried += [round(v / step) * step + step for v in tried if step]
    value = next((v for v in tried if _within(v, schema)), 0)
    return int(value) if kind == "integer" else value


def text(field: Field, said: Sequence[str], question: str) -> str | None:
    """What a text field wants of the sentences: a time, a price, a name; None for all of it."""
    named = field.name.lower()
    if not said or PROSE.search(named):
        return said[0] if said else None
    words = set(re.findall(r"[^\W_]+", field.words.lower()))
    for kinds, pattern in KINDS:
        if words & set(kinds.split()):
            for each in said:
                if found := re.search(pattern, each, re.IGNORECASE):
                    return found[0].strip()
    if PEOPLE.search(named):
        found = next((n for each in said if (n := NAME.search(each))), None)
        if found:
            return found[0]
    if AMOUNTS & set(terms(field.words)):
        figures = _figures(field, said[:1], question)
        if figures:
            return figures[0].shown
    return _complement(said[0])


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
        best = max(range(len(options)), key=kin.__getitem__)
        if kin[best]:
            return options[best]
    return options[0]


def is_affirmed(sentence: str) -> bool:
    """Whether a sentence says that something is so."""
    return not NOT.search(sentence)


def formatted(form: str, said: Sequence[str]) -> str | None:
    """A date, an address or a link that the sentences hold, as JSON schema writes it."""
    patterns = {"date": r"\b\d{4}-\d{2}-\d{2}\b", "email": KINDS[0][1], "uri": KINDS[1][1]}
    for sentence in said if form in patterns else ():
        if found := re.search(patterns[form], sentence):
            return found[0]
    return None
