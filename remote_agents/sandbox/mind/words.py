"""Words and sentences of a text in any language: what everything else here compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial, wraps
from typing import NamedTuple, TypeVar

T = TypeVar("T")
pattern = partial(re.compile, flags=re.IGNORECASE)
SHORT = 4_000
COMMON = """
a about after all also am an and any are as at be been before being but by can could did do does
doing for from give given had has have having he her here him his how i if in into is it its just
know let like many may me might more most much must my need no not now of off on one only or other
our out over please say says shall she should so some such tell than thank thanks that the their
them then there these they this those to too under up us use very want was we were what when where
which while who whom whose why will with would you your aber als auch auf aus bei bin bitte da das
dass dein dem den der des die dir doch du durch ein eine einem einen einer eines er es euch für
haben hat hoch ich ihr im ist ja kann kannst können lange man mein meine mir mit nach nicht noch nur
ob ok okay oder oft schon sein sich sie sind um und uns unser viel viele vom von vor wann warum
welche welchem welchen welcher welches wenn wer werden wie wieviel wir wird wo zu zum zur über
"""
STOPWORDS = frozenset(COMMON.split())
# How words begin that speak of question, answer and form rather than of a topic.
TALK = pattern(
    r"answer|assist|bas$|below|brief|chat|choi|choos|chunk|comment|complet|concis|context|creat|"
    r"describ|detail|document|entit|exampl|exist|expert|explain|extract|final|find|found|follow|"
    r"format|generat|help|histor|improv|includ|inform|input|instruct|json|key|last|main|new|observ|"
    r"origin|output|overall|passag|phras|piec|portion|possibl|prompt|provid|purpos|quer|question|"
    r"reason|refin|relevan|repl|request|respon|result|retriev|return|rewrit|schema|search|sentenc|"
    r"short|situat|source|standalon|succinct|summar|system|task|text|them|thought|titl|tool|topic|"
    r"translat|tr[yi]|uniqu|user|using|verbatim|whole|within|writ|absatz|abschnitt|anfrag|angab|"
    r"antwort|aufgab|auszug|basier|beantwort|benutz|deutsch|dokument|ergebnis|folgend|formulier|"
    r"frag|gegeben|helf|hilf|kontext|kurz|nachricht|nutz|quell|schreib|suchergeb|verwend|zitat|"
    r"zusammen|fass"
)
ALIKE = """
receive: get got entitled; employ: staff worker colleague personnel; vacation: holiday pto;
pay: salary wage; remote: telework wfh; computer: laptop notebook; message: mail email;
travel: trip; foreign: abroad; price: cost fee kosten kostet preis gebühr
"""
SYNONYMS = {
    word: name for name, words in re.findall(r"(\w+): ([\w ]+)", ALIKE) for word in words.split()
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
ABBREVIATIONS = r"e\.g i\.e etc approx vs nr no ca bzw z\.b z d\.h d mr mrs ms dr prof st inc fig"
CLOSING = r"[\"'”’»)\]}*]"
# Where a sentence ends: not after an abbreviation, nor before a month or a small letter.
END = pattern(
    re.sub(r"(\S+) ?", r"(?<!\\b\1\\.)", ABBREVIATIONS)
    + r"(?!(?<=\d\.)\s+(?:jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez))(?:"
    + "|".join(rf"(?<=[.!?…]{CLOSING * times})" for times in range(4))
    + rf")(?:\s+(?-i:(?<=\w{{4}}\.\s)|(?![a-zß-ÿ]))|(?=[{EAST}]))"
    r"|(?<=[。！？])(?![」』”。！？])\s*|(?<=[。！？][」』”])\s*"
)
LEADING = re.compile(r"^\s*(?:[-*+>•]+|\d+[.)])\s+")
WHOLE = re.compile(r"^.{,59}$|[.!?:。！？：]$")
MARKS = re.compile(r"\*\*|__|`|\[([^\]]*)\]\([^)]*\)")


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


def remembered(function: Callable[[str], T]) -> Callable[[str], T]:
    """Cache a function of a text for short texts: long ones would fill the memory."""
    cached = lru_cache(maxsize=16_384)(function)
    return wraps(function)(lambda text: (cached if len(text) < SHORT else function)(text))


@remembered
def terms(text: str) -> tuple[str, ...]:
    """The content words of a text, stemmed, in order.

    Example:
        >>> terms("How many days? 食堂几点开门？")
        ('day', '食堂', '点开', '开门')
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
    word = re.sub(r"['\u2019]s$", "", word)
    word = re.sub(r"(?<=\w\w)ies$", "y", re.sub(r"(?<=ss|ch|sh|\wx)es$", "", word))
    word = re.sub(r"(?<=\w\w[^sui])s$", "", word)
    word = re.sub(r"(?<=\w\w)ied$", "y", SYNONYMS.get(word, word))
    return re.sub(r"(?<=\w{3})(?:ing|ed|ee|e)$", "", word)


def about_the_talk(term: str) -> bool:
    """Whether a term speaks of question, answer and form rather than of a topic."""
    return bool(TALK.match(term) or EAST_TALK.fullmatch(term))


def kinship(term: str, others: Collection[str]) -> float:
    """How much of a term others say: all, or a part where one is built from the other."""
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
    """The sentences of a text, each with the heading that it stands under."""
    found: list[Sentence] = []
    heading = columns = ""
    for number, block in enumerate(_blocks(text)):
        if block.startswith("#"):
            heading, columns = block.lstrip("# ").strip(), ""
            continue
        columns = (columns or block) if block.startswith("|") else ""
        above = heading if columns in ("", block) else f"{heading} {columns}"
        row = ": ".join(cell.strip() for cell in block.strip("|").split("|")) if columns else block
        parts = [part.strip() for part in END.split(row) if TOKEN.search(part)]
        found += [Sentence(part, above, number) for part in parts]
    return tuple(found)


def _blocks(text: str) -> list[str]:
    """Lines, joined where a paragraph was wrapped."""
    blocks: list[str] = []
    joinable = False
    for line in text.splitlines():
        clean = MARKS.sub(r"\1", LEADING.sub("", line)).strip()
        alone = clean.startswith(("#", "|"))
        if joinable and clean and not alone and not LEADING.match(line):
            blocks[-1] += f" {clean}"
        elif clean:
            blocks.append(clean)
        joinable = bool(clean) and not alone and not WHOLE.search(blocks[-1])
    return blocks
