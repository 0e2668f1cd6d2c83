"""Words and sentences of a text in any language: what everything else here compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, wraps
from typing import NamedTuple, TypeVar

T = TypeVar("T")
SHORT = 4_000
COMMON = """
a about after all also am an and any are as at be been before being but by can could did do does
doing for from give given had has have having he her here him his how i if in into is it its just
know let like many may me might more most much must my need no not now of off on one only or other
our out over please say says shall she should so some such tell than thank thanks that the their
them then there these they this those to too under up us use very want was we were what when where
which while who whom whose why will with would you your aber als am auch auf aus bei bin bitte da
das dass dein dem den der des die dir doch du durch ein eine einem einen einer eines er es euch für
haben hat hoch ich ihr im ist ja kann kannst können lange man mein meine mir mit nach nicht noch
nur ob oder oft schon sein sich sie sind so um und uns unser viel viele vom von vor wann warum was
welche welchem welchen welcher welches wenn wer werden wie wieviel wir wird wo zu zum zur über
"""
STOPWORDS = frozenset(COMMON.split())
TALK = """
answer answers answering assistant assist based below brief chat choice choices choose chunk
complete concise context conversation create describe details detailed document documents entities
example existing explain expert extract final find found follow following format generate helpful
history improving include information input instruction instructions json keyword keywords key main
new observation original output overall passage passages piece pieces phrases portion possible
prompt provide provided purposes query question questions reasoning refine refined relevant reply
request respond response result results retrieval retrieved return rewrite schema search sentence
sentences short situate source sources standalone succinct summarise themes topics try unique whole
summarize summary system task text thought title tool translate user using verbatim within write
absatz abschnitt anfrage angaben antwort antworte antworten antwortet aufgabe auszug basierend
beantworte beantworten benutzer deutsch dokument dokumente dokumenten ergebnis ergebnisse folgende
folgendem folgenden folgender formuliere frage fragen gegebenen hilfreicher informationen kontext
kurz nachricht nutze nutzer quelle quellen schreibe suchergebnis suchergebnisse verwende zitat
zusammen fasse zusammenfassung
"""
SYNONYMS = {
    "get": "receive",
    "got": "receive",
    "entitled": "receive",
    "staff": "employ",
    "worker": "employ",
    "colleague": "employ",
    "personnel": "employ",
    "holiday": "vacation",
    "pto": "vacation",
    "salary": "pay",
    "wage": "pay",
    "telework": "remote",
    "wfh": "remote",
    "laptop": "computer",
    "notebook": "computer",
    "mail": "message",
    "email": "message",
    "trip": "travel",
    "abroad": "foreign",
}
# Chinese, Japanese and Korean have no spaces: pairs of neighbours are the words.
EAST = r"\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
TOKEN = re.compile(rf"[{EAST}]+|[^\W_{EAST}]+(?:[-'\u2019][^\W_{EAST}]+)*")
EASTERN = re.compile(rf"[{EAST}]")
EAST_TALK = re.compile(
    "根据|基于|以下|下面|上述|给定|提供|检索|上下文|背景|内容|信息|资料|文档|片段|参考|问题|提问|"
    "回答|答案|使用|总结|概括|摘要|简洁|简短|助手|用户|系统|搜索|结果|工具|来源|原文|格式|输出|"
    "文脈|質問|回答|情報|要約|문맥|질문|답변|정보|요약|다음|사용"
)
EAST_COMMON = re.compile(
    "什么|多少|多久|多长|哪里|哪儿|哪个|哪些|哪天|怎么|怎样|如何|为什么|请问|请|告诉|可以|"
    "几|谁|何|吗|呢|吧|的|了|是|在|有|和|与|及|我们|你们|我|你|您|他|她|它|这|那|个|"
    "[\u3040-\u309f]+|언제|어디|얼마|몇|누구|무엇|입니까|인가요|나요"
)
PARTICLE = re.compile("(?:은|는|이|가|을|를|에|의|와|과|도|에서|입니다)$")
ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|approx|vs|nr|no|ca|bzw|z\.\s?b|d\.\s?h|mrs?|ms|dr|prof|st|inc|fig)\.\s+$",
    re.IGNORECASE,
)
ORDINAL = re.compile(r"\d\.\s+(?:jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez)", re.IGNORECASE)
BREAK = re.compile(r"(?<=[.!?…])[\"'”’»)\]*]*\s+|(?<=[。！？])[」』”]?\s*")
LEADING = re.compile(r"^\s*(?:[-*+>•]+|\d+[.)])\s+")
MARKS = re.compile(r"\*\*|__|`|\[([^\]]*)\]\([^)]*\)")


class Sentence(NamedTuple):
    """A sentence, the heading that it stands under, and the paragraph that it is in."""

    text: str
    heading: str = ""
    block: int = 0


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache a function of a text for short texts: long ones would fill the memory."""
    cached = lru_cache(maxsize=16_384)(function)

    @wraps(function)
    def short_or_not(text: str) -> T:
        return cached(text) if len(text) < SHORT else function(text)

    return short_or_not


@remembered
def terms(text: str) -> tuple[str, ...]:
    """The content words of a text, stemmed, in order.

    Example:
        >>> terms("How many days? 食堂几点开门？")
        ('day', '食堂', '开门')
    """
    lowered = re.sub(r"\b(part|full) time\b", r"\1-time", text.lower())
    found: list[str] = []
    for word in TOKEN.findall(lowered):
        if EASTERN.match(word):
            found += _pairs(word)
        elif word not in STOPWORDS:
            found.append(_stem(word))
    return tuple(found)


def topic_words(text: str) -> list[str]:
    """The content words of a text as they stand."""
    return [word for word in TOKEN.findall(text.lower()) if word not in STOPWORDS]


def _pairs(run: str) -> list[str]:
    """The words of a run of characters: those of instructions whole, all others in pairs."""
    found = EAST_TALK.findall(run)
    for part in EAST_COMMON.split(EAST_TALK.sub("\u3040", run)):
        part = PARTICLE.sub("", part) if len(part) > 2 else part
        found += [part[i : i + 2] for i in range(max(1, len(part) - 1))] if part else []
    return found


def _stem(word: str) -> str:
    word = _singular(word.removesuffix("'s").removesuffix("\u2019s"))
    word = SYNONYMS.get(word, word)
    for ending, instead in (("ied", "y"), ("ing", ""), ("ed", ""), ("ee", ""), ("e", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending) + instead
    return word


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3
    return word[:-1] if plural else word


TALK_TERMS = frozenset(terms(TALK))


def about_the_talk(term: str) -> bool:
    """Whether a term speaks of question, answer and form rather than of a topic."""
    return term in TALK_TERMS or EAST_TALK.fullmatch(term) is not None


def kinship(term: str, others: Collection[str]) -> float:
    """How much of a term others say: all, or a part where one is built from the other.

    Example:
        >>> kinship("urlaub", {"urlaubstag"}), kinship("urlaub", {"berg"})
        (0.8, 0.0)
    """
    if term in others:
        return 1.0
    if len(term) < 5:
        return 0.0
    long = [other for other in others if len(other) >= 5]
    starts = [other for other in long if other.startswith(term) or term.startswith(other)]
    if starts:
        return 0.95 if any(abs(len(other) - len(term)) < 3 for other in starts) else 0.8
    return 0.6 if any(len(o) >= 6 and (term in o or o in term) for o in long) else 0.0


@remembered
def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text, each with the heading that it stands under.

    Example:
        >>> [each.text for each in sentences("Closed on 3. Mai. Bye!")]
        ['Closed on 3. Mai.', 'Bye!']
    """
    found: list[Sentence] = []
    heading = columns = ""
    for number, block in enumerate(_blocks(text)):
        if block.startswith("#"):
            heading, columns = block.lstrip("# ").strip(), ""
            continue
        columns = (columns or block) if block.startswith("|") else ""
        above = heading if columns in ("", block) else f"{heading} {columns}"
        found += [Sentence(part, above, number) for part in _parts(_row(block))]
    return tuple(found)


def _parts(block: str) -> list[str]:
    parts, start = [], 0
    for end in BREAK.finditer(block):
        if _is_end(block, start, end):
            parts.append(block[start : end.end()].strip())
            start = end.end()
    return [part for part in (*parts, block[start:].strip()) if TOKEN.search(part)]


def _is_end(block: str, start: int, end: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence, and no abbreviation or date."""
    before = block[start : end.end()]
    if ABBREVIATION.search(before) or ORDINAL.match(block, max(0, end.start() - 2)):
        return False
    after = block[end.end() : end.end() + 1]
    stops = block[end.start() - 1] != "." or end.group().strip() or not after.islower()
    return bool(stops) or len(before.split()[-1]) > 4


def _blocks(text: str) -> list[str]:
    """Lines, joined where a paragraph was wrapped."""
    blocks: list[str] = []
    joinable = False
    for line in text.splitlines():
        clean = MARKS.sub(r"\1", LEADING.sub("", line)).strip()
        starts = not clean or clean.startswith(("#", "|")) or LEADING.match(line) is not None
        if joinable and not starts and not _is_whole(blocks[-1]):
            blocks[-1] += f" {clean}"
        elif clean:
            blocks.append(clean)
        joinable = bool(clean) and not clean.startswith(("#", "|"))
    return blocks


def _is_whole(line: str) -> bool:
    return len(line) < 60 or line.endswith((".", "!", "?", ":", "。", "！", "？", "："))


def _row(line: str) -> str:
    return ": ".join(c.strip() for c in line.strip("|").split("|")) if line[0] == "|" else line
