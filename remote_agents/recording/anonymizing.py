"""A transcript without what is somebody's own: keys, ids, hosts, mail addresses, texts.

Kept are the words of the protocol (see `words.py`), numbers of up to four digits, and the shape of
all else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, pairwise
from urllib.parse import unquote

from remote_agents.recording.bodies import Segment, segments
from remote_agents.recording.standins import SHORTEST, Replace, StandIns, replaced
from remote_agents.recording.transcript import Headers, Interaction, Transcript, origin_of
from remote_agents.recording.words import Vocabulary, is_personal, is_text
from remote_agents.settings import NAMES_SECRET

# What a connection is about, not an agent.
DROPPED = frozenset(
    {"alt-svc", "connection", "content-encoding", "content-length", "date", "forwarded", "host"}
    | {"keep-alive", "server", "traceparent", "tracestate", "transfer-encoding", "vary", "via"}
)
HIDDEN = "[left out]"
FORM = "multipart/form-data"
_PLAIN_VALUES = {
    "accept": re.compile(r"application/json|text/event-stream|\*/\*"),
    "accept-encoding": re.compile(r"identity|gzip"),
    "cache-control": re.compile(r"(?:no-cache|no-store|no-transform|private|, )+"),
    "content-type": re.compile(
        r"(?:application/(?:json|problem\+json|octet-stream|pdf|x-ndjson)|text/(?:event-stream|plain|html))"
        r"(?:; ?charset=utf-8)?",
        re.IGNORECASE,
    ),
    "user-agent": re.compile(
        r"remote-agents/[\d.]+ \((?:python|langchain-core|llama-index-core)/[\d.]+\)"
    ),
    "x-accel-buffering": re.compile("no"),
}
_NO_PERSON = re.compile(r"\.[a-z]{2,4}$|^[a-z]+(?:_[a-z]+)+$")  # a file, a function
_SMALL = re.compile(r"\d{1,4}")
_NUMBER = re.compile(r"(-?)(\d+)(?:(\.)(\d+))?(.*)", re.DOTALL)
_PRIVATE = re.compile(r"[^\s\"'<>]+@[^\s\"'<>]+|(?<=://)[^\s\"'<>/?#]+")  # mail and hosts
_UNREADABLE = re.compile("[\udc80-\udcff]")


class Anonymizer:
    """Puts stand-ins in the place of all that is not the protocol's.

    Args:
        vocabulary: The words that are kept.
        keep_text: Whether texts stay; keys, ids, hosts and mail addresses in them do not.
        never: Ids that are never kept, of whatever words they are.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        keep_text: bool = False,
        never: tuple[str, ...] = (),
    ) -> None:
        self._vocabulary = vocabulary
        self._keep_text = keep_text
        self._never = frozenset(never)
        self._stand_ins = StandIns()
        self._private: set[str] = set()
        self._met = False

    def transcript(self, original: Transcript) -> Transcript:
        """The transcript, with what it says replaced; its facts stay."""
        for _ in (self._interaction(interaction) for interaction in original.interactions):
            pass  # all words are met before one is replaced
        self._met = True
        return Transcript(
            original.facts, [self._interaction(each) for each in original.interactions]
        )

    def text(self, text: str) -> str:
        """The stand-in of a text or an id, as it stands in the transcript."""
        return replaced(text, self._stand_ins)

    def _interaction(self, original: Interaction) -> Interaction:
        asked, answered = _type(original.headers), _type(original.answer_headers)
        body, pieces = original.body, original.pieces
        whole = b"".join(pieces)
        return replace(
            original,
            target=self.target(original.target),
            headers=self._headers(original.headers),
            body=_size(body) if _is_binary(body, asked) else self._pieces([body])[0],
            answer_headers=self._headers(original.answer_headers),
            pieces=[_size(whole)] if _is_binary(whole, answered) else self._pieces(pieces),
        )

    # --- words -----------------------------------------------------------------------------------

    def _own(self, raw: str) -> str:
        """What is somebody's own, and no text."""
        return replaced(raw, self._stand_in)

    def _stand_in(self, word: str) -> str:
        if self._met:
            return self._stand_ins(word)
        if len(word) >= SHORTEST:
            self._private.add(word)
        return self._stand_ins.meet(word)

    def _plain_stand_in(self, word: str) -> str:
        """Of a word that may stand in a kept text all the same, unless it has digits."""
        if self._met or any(letter.isdigit() for letter in word):
            return self._stand_in(word)
        return self._stand_ins.meet(word)

    def _text(self, raw: str, key: str) -> str:
        if not self._keep_text:
            return self._own(raw)
        if is_personal(key) and not _NO_PERSON.search(raw):
            return self._own(raw)
        if not is_text(key) and not re.search(r"\s", raw):
            return "".join(self._by_privacy(raw, self._plain_stand_in))
        return "".join(self._by_privacy(raw, self._where_private))

    def _by_privacy(self, raw: str, beside: Replace) -> Iterator[str]:
        """Mail addresses and hosts are somebody's own, whatever is done with the text beside."""
        at = 0
        for found in _PRIVATE.finditer(raw):
            yield replaced(raw[at : found.start()], beside)
            yield self._own(found[0])
            at = found.end()
        yield replaced(raw[at:], beside)

    def _where_private(self, word: str) -> str:
        telling = len(word) > 15 and any(letter.isdigit() for letter in word)
        return self._stand_ins(word) if self._met and (word in self._private or telling) else word

    # --- parts -----------------------------------------------------------------------------------

    def target(self, target: str) -> str:
        """A path with its query, or a whole address, which an answer gave."""
        if origin_of(target):
            scheme, _, rest = target.partition("://")
            return f"{scheme}://{self._own(rest)}"
        path, ask, query = target.partition("?")
        steps = (self._step(step) for step in path.split("/"))
        fields = (self._query_field(field) for field in query.split("&"))
        return f"{'/'.join(steps)}{ask}{'&'.join(fields)}"

    def _step(self, step: str) -> str:
        kept = self._vocabulary.knows(unquote(step)) and unquote(step) not in self._never
        return step if kept else self._own(step)

    def _query_field(self, field: str) -> str:
        name, equals, value = field.partition("=")
        small = _SMALL.fullmatch(value) or value in ("true", "false")
        name = name if self._vocabulary.knows(name) else self._own(name)
        return f"{name}{equals}{value if small else self._own(value)}"

    def _headers(self, headers: Headers) -> Headers:
        kept = ((name, value) for name, value in headers if name.lower() not in DROPPED)
        return [(self._header_name(name), self._header(name, value)) for name, value in kept]

    def _header_name(self, name: str) -> str:
        return name if self._vocabulary.knows(name) else self._own(name)

    def _header(self, name: str, value: str) -> str:
        plain = _PLAIN_VALUES.get(name.lower())
        if NAMES_SECRET.search(name):
            self._own(value)  # met: it may stand elsewhere too
            return HIDDEN
        if _SMALL.fullmatch(value) or (plain and plain.fullmatch(value)):
            return value
        if _type([(name, value)]).startswith(FORM):  # with a border that the sender made up
            return FORM
        return self._own(value)

    def _pieces(self, originals: list[bytes]) -> list[bytes]:
        """Bodies are read as one, as what is somebody's own may be parted by their borders."""
        text = b"".join(originals).decode("utf-8", "surrogateescape")
        raw = self._body(_UNREADABLE.sub("\udcff", text)).encode("utf-8", "surrogateescape")
        ends = [0, *accumulate(map(len, originals))]
        return [raw[start:end] for start, end in pairwise(ends)]

    def _body(self, text: str) -> str:
        parts = list(segments(text, self._vocabulary))
        joined: dict[tuple[str, str], str] = defaultdict(str)
        for part in parts:
            if part.joins:
                joined[part.joins] += part.raw
        rest = {joins: self._text(raw, joins[0]) for joins, raw in joined.items()}
        return "".join(self._stand_in_of_part(part, rest) for part in parts)

    def _stand_in_of_part(self, part: Segment, rest: dict[tuple[str, str], str]) -> str:
        """A part's stand-in; one that is a piece of a text is taken from the text's."""
        if part.joins:
            whole, size = rest[part.joins], len(part.raw)
            rest[part.joins] = whole[size:]
            return whole[:size]
        if part.kind == "kept":
            return part.raw
        if part.kind == "number":
            return self._number(part.raw)
        return self._own(part.raw) if part.kind == "name" else self._text(part.raw, part.key)

    def _number(self, raw: str) -> str:
        """A number of as many digits; a short one stays, as it counts something."""
        found = _NUMBER.fullmatch(raw)
        if found is None:
            return self._own(raw)
        sign, whole, point, part, exponent = found.groups("")
        whole = self._own(whole) if len(whole) > 4 else whole
        part = self._own(part) if len(part) > 3 else part
        return f"{sign}{whole}{point}{part}{exponent}"


def _type(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "").lower()


def _is_binary(body: bytes, content_type: str) -> bool:
    """Whether it is a file or a form with files, which nobody reads."""
    if "multipart" in content_type:
        return True
    return not re.search("json|text|event-stream|^$", content_type) and bool(body)


def _size(body: bytes) -> bytes:
    return b"[%d bytes]" % len(body)
