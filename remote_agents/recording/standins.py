"""Stand-ins: words of the same shape in the place of those that are somebody's own.

The same word has the same stand-in wherever it stands, and no other word has it, so that ids can
be followed; times stay in their order. What a stand-in tells of its word is how long it is, and of
which letters.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count, product
from math import prod
from string import ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

Replace = Callable[[str], str]

PREFIXES = frozenset(
    {"agent", "assistant", "asst", "bot", "call", "chat", "chatcmpl", "cmpl", "conv"}
    | {"conversation", "doc", "file", "msg", "message", "record", "req", "resp", "run"}
    | {"session", "thread", "user"}
)
"""Words before a `-` or `_` that say what an id is one of; they are kept."""
SHORTEST = 4
"""Letters that a piece of an original has at least, if no stand-in may hold it."""
LONGEST = 16  # what is longer stands nowhere by chance
FEW = 1000
_HEX = re.compile(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{4,}|(?=.*\d)(?=.*[A-F])[0-9A-F]{4,}")
_DATE = re.compile(
    r"\d{4}-[01]\d-[0-3]\d(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
)
_EPOCH = re.compile(r"1\d{9}(?:\d{3}){0,2}")  # in seconds, or thousandths or millionths of them
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class StandIns:
    """Gives each word its stand-in, by chance: nobody can say what it stands for."""

    def __init__(self) -> None:
        self._chance = random.SystemRandom()
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()
        self._originals: set[str] = set()
        self._times: dict[tuple[str, ...], set[str]] = defaultdict(set)
        self._tables: dict[tuple[str, ...], dict[str, str]] = {}

    def meet(self, word: str) -> str:
        """Take note of a word, before any is replaced: no stand-in holds it by chance."""
        if len(word) >= SHORTEST:
            self._originals.add(word)
        if _is_time(word):
            self._times[_shape(word)].add(word)
        return word

    def __call__(self, word: str) -> str:
        """The stand-in of a word."""
        if word not in self._given:
            shape = _shape(word)
            alike = self._times.pop(shape, {word}) if _is_time(word) else {word}
            words = sorted(alike | {word})  # of one shape, so that earlier times stand before
            found = [self._new(each, shape) for each in words]
            self._given.update(zip(words, sorted(found), strict=True))
        return self._given[word]

    def _new(self, word: str, shape: tuple[str, ...]) -> str:
        found = self._found(word, shape)
        self._taken.add(found)
        return found

    def _found(self, word: str, shape: tuple[str, ...]) -> str:
        if prod(len(letters) for letters in shape) <= FEW:
            return self._table(shape).get(word, word)
        for attempt in count():
            found = "".join(map(self._chance.choice, shape))
            known = found == word or (found in self._taken and attempt < FEW)  # unless all are
            # A long one cannot help to hold a short original somewhere.
            if not known and not self._is_telling(found, SHORTEST + attempt // 8):
                break
        return found

    def _is_telling(self, found: str, shortest: int) -> bool:
        return any(
            found[start : start + size] in self._originals
            for size in range(shortest, LONGEST)
            for start in range(len(found) - size + 1)
        )

    def _table(self, shape: tuple[str, ...]) -> dict[str, str]:
        """All words of a short shape, each with another one."""
        if shape not in self._tables:
            words = ["".join(letters) for letters in product(*shape)]
            others = words.copy()
            while len(words) > 1 and any(a == b for a, b in zip(words, others, strict=True)):
                self._chance.shuffle(others)
            self._tables[shape] = dict(zip(words, others, strict=True))
        return self._tables[shape]


def _is_time(word: str) -> bool:
    return (_EPOCH.fullmatch(word) or _DATE.fullmatch(word)) is not None


def _shape(word: str) -> tuple[str, ...]:
    """The letters that may stand in each place of a word's stand-in."""
    if _DATE.fullmatch(word):
        return _date(word)
    if _EPOCH.fullmatch(word):
        return ("1", *[digits] * (len(word) - 1))
    if word.isdecimal() and word.isascii():
        first = digits if len(word) < SHORTEST else "0" if word[0] == "0" else digits[1:]
        return (first, *[digits] * (len(word) - 1))
    if _UUID.fullmatch(word) or _HEX.fullmatch(word):
        letters = "ABCDEF" if word.isupper() else "abcdef"
        return tuple(c if c == "-" else digits if c in digits else letters for c in word)
    return tuple(map(_letters_like, word))


def _date(word: str) -> tuple[str, ...]:
    """Another date, of this century; its zone stays."""
    year = ("2", "0", digits, digits)
    day = ("-", "0", digits[1:], "-", "0", digits[1:])
    time = ("0" if n == 11 else "012345" if n in (14, 17) else digits for n in range(11, 26))
    times = (c if not c.isdigit() else t for c, t in zip(word[11:26], time, strict=False))
    whole = (*year, *day, *word[10:11], *times)
    zone = re.search(r"[+-]\d\d:?\d\d$", word[16:])
    return (*whole[: len(word) - len(zone[0])], *zone[0]) if zone else whole


@lru_cache(maxsize=4096)
def _letters_like(letter: str) -> str:
    """Letters of the same script and case that are written in as many bytes."""
    for letters in (ascii_lowercase, ascii_uppercase, digits):
        if letter in letters:
            return letters
    known = _kind(letter)
    if wide := _WIDE.get(known[1:]):
        return wide
    block = ord(letter) & ~0x7F
    alike = [c for c in map(chr, range(block, block + 0x80)) if c != letter and _kind(c) == known]
    return "".join(alike) or letter


# Of the scripts with thousands of letters, neighbours would tell too much.
_WIDE = {
    ("CJK", 3): "".join(map(chr, range(0x4E00, 0x9FA6))),
    ("HANGUL", 3): "".join(map(chr, range(0xAC00, 0xD7A4))),
}


def _kind(letter: str) -> tuple[str, str, int]:
    if 0xD800 <= ord(letter) < 0xE000:
        return ("Cs", "", 3)
    script = unicodedata.name(letter, "").partition(" ")[0]
    return unicodedata.category(letter), script, len(letter.encode())


# --- texts ---------------------------------------------------------------------------------------


class Unit(NamedTuple):
    """One letter of a text: what it is, how it is written, and in which form another would be."""

    letter: str
    raw: str
    form: str = ""

    def write(self, letter: str) -> str:
        """Another letter, written as this one is."""
        if letter == self.letter:
            return self.raw
        if self.form == "%":
            return "".join(f"%{byte:02X}" for byte in letter.encode())
        if self.form:
            codes = letter.encode("utf-16-be")
            return "".join(f"{self.form}{codes[n : n + 2].hex()}" for n in range(0, len(codes), 2))
        return letter


_ESCAPES = re.compile(
    r"(?P<u>(\\+u)[dD][89abAB][0-9a-fA-F]{2}\2[dD][c-fC-F][0-9a-fA-F]{2}|\\+u[0-9a-fA-F]{4})"
    r"|(?P<p>(?:%[0-9a-fA-F]{2})+)|(?P<c>\\+[bfnrt\"/]?)|.",
    re.DOTALL,
)
_KEPT = re.compile(
    r"\[DONE\]|(?:https?|wss?)(?=://)|(?<=[\[(【^])\d{1,2}(?=[\])】])"
    r"|^data:(?:image/(?:png|jpeg|gif|webp)|application/pdf|text/plain);base64(?=,)"
)


def replaced(text: str, replace: Replace) -> str:
    """A text with each word replaced, whatever way its letters are escaped.

    Args:
        text: As it was sent: escapes of JSON, at any depth, and of addresses are read and kept.
        replace: Gives what stands for a word, of as many letters and bytes.
    """
    units = list(_units(text))
    raw = [unit.raw for unit in units]
    for start, end, word in _words("".join(unit.letter for unit in units)):
        others = zip(units[start:end], replace(word), strict=True)
        raw[start:end] = [unit.write(letter) for unit, letter in others]
    return "".join(raw)


_TOKEN = re.compile(
    rf"(?<![^\W_])(?:{_UUID.pattern}|{_DATE.pattern})(?![^\W_])|[^\W_]+", re.IGNORECASE
)


def _words(text: str) -> Iterator[tuple[int, int, str]]:
    """Where the words that are replaced stand."""
    kept = [found.span() for found in _KEPT.finditer(text)]
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        if any(a <= start and end <= b for a, b in kept) or _names_an_id(text, found):
            continue
        yield start, end, found[0]


def _names_an_id(text: str, found: re.Match[str]) -> bool:
    return (
        text[found.end() : found.end() + 1] in ("-", "_")
        and found[0] in PREFIXES
        and text[found.start() - 1 : found.start()] not in ("-", "_")
    )


def _units(text: str) -> Iterator[Unit]:
    for found in _ESCAPES.finditer(text):
        raw = found[0]
        if found["u"]:
            form = raw[: raw.index("u") + 1]
            code = bytes.fromhex(raw.replace(form, ""))
            yield Unit(code.decode("utf-16-be", "surrogatepass"), raw, form)
        elif found["p"]:
            yield from _percent(raw)
        elif found["c"]:
            yield Unit("\n", raw)  # of no word, whatever it is
        else:
            yield Unit(raw, raw)


def _percent(raw: str) -> Iterator[Unit]:
    try:
        text = bytes.fromhex(raw.replace("%", "")).decode()
    except UnicodeDecodeError:
        yield from (Unit(letter, letter) for letter in raw)
        return
    at = 0
    for letter in text:
        size = 3 * len(letter.encode())
        yield Unit(letter, raw[at : at + size], "%")
        at += size


def shape_of(text: str) -> str:
    """What a stand-in keeps of a text: classes of letters, and all that is no letter.

    Example:
        >>> shape_of("Hi, 你好 42!") == shape_of("No, 再见 17!")
        True
    """
    return "".join(_class(letter) for letter in text)


@lru_cache(maxsize=4096)
def _class(letter: str) -> str:
    if not letter.isalnum():
        return letter
    if letter.isascii():
        return "9" if letter.isdigit() else "A" if letter.isupper() else "a"
    return "".join(map(str, _kind(letter)))
