"""Words and sentences of a text in any language: what everything else here compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache, partial, wraps
from typing import NamedTuple, TypeVar

from bm25s.stopwords import STOPWORDS_EN_PLUS, STOPWORDS_GERMAN

T = TypeVar("T")
pattern = partial(re.compile, flags=re.IGNORECASE)
SHORT = 4_000
TALKERS = ("user", "assistant")
ASKING = """
could give given know let like many may might much must need one please say tell thank thanks us
use want would ok okay bitte hoch kannst lange oft viele wann wer
"""
STOPWORDS = frozenset([*STOPWORDS_EN_PLUS, *STOPWORDS_GERMAN, *ASKING.split()])
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
    "[\u3040-\u309f]+|언제|어디|얼마|몇|누구|무엇|입니까|인가요|나요|"
    "(?<=..)[은는이가을를에의와과도](?= |$)"
)
# Where a sentence ends: not after an abbreviation, nor before a month or a small letter.
END = re.compile(
    r"(?i:\b(?:e\.g|i\.e|etc|approx|vs|nr|no|ca|bzw|z\.b|d\.h|mr|mrs|ms|dr|prof|st|inc|fig)\.\s)"
    r"|(?i:\d\.\s(?=jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez))"
    rf"|(?P<end>(?:[.!?…][\"'”’»)\]}}*]*(?:\s+(?![a-zß-ÿ])|(?=[{EAST}]))|[。！？]+[」』”]*\s*))"
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


def topic_words(text: str) -> list[str]:
    """The content words of a text as they stand."""
    return [word for word in TOKEN.findall(text.lower()) if word not in STOPWORDS]


@remembered
def terms(text: str) -> tuple[str, ...]:
    """The content words of a text, stemmed, in order.

    Example:
        >>> terms("How many days? 食堂几点开门？")
        ('day', '食堂', '点开', '开门')
    """
    words = topic_words(re.sub(r"\b(part|full) time\b", r"\1-time", text, flags=re.IGNORECASE))
    return tuple(
        term for word in words for term in (_pairs(word) if EASTERN.match(word) else [_stem(word)])
    )


def _pairs(run: str) -> list[str]:
    """The words of a run of characters: those of instructions whole, all others in pairs."""
    parts = filter(None, EAST_COMMON.split(EAST_TALK.sub("的", run)))
    pairs = [part[i : i + 2] for part in parts for i in range(max(1, len(part) - 1))]
    return [*EAST_TALK.findall(run), *pairs]


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
    if term in others or len(term) < 5:
        return float(term in others)
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
        found += [Sentence(part, above, number) for part in _parted(row)]
    return tuple(found)


def _parted(block: str) -> list[str]:
    """The sentences of one paragraph."""
    parts = END.sub(lambda end: f"{end[0]}\n" if end["end"] else end[0], block).split("\n")
    return [part.strip() for part in parts if TOKEN.search(part)]


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
