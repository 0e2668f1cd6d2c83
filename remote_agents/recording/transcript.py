"""Transcripts: what went over the wire, as a text that people read and tests replay.

    # service: cloudbase
    # source: the document "Chat with an agent" of Tencent CloudBase

    > POST /v1/aibot/bots/bot-1/send-message
    > Content-Type: application/json
    >
    > {"msg":"Hi"}

    HTTP/1.1 200 OK
    Content-Type: text/event-stream

    data: {"type":"text","content":"Hel

    ¦data: [DONE]

    # end: whole

Facts come first, of which `source` says how it was come by. What was asked stands behind `>`; it,
the mark of the end and the further interactions may be missing. `¦` stands between two pieces of a
body as they arrived, `␍` for a carriage return, `⟨e4⟩` for bytes that are no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus

BORDER, RETURN = "¦", "␍"
Headers = list[tuple[str, str]]


def origin_of(target: str) -> str:
    """The scheme and host of a request that went to another host; else nothing.

    Example:
        >>> origin_of("https://storage.example/a/b.png"), origin_of("/v1/agents")
        ('https://storage.example', '')
    """
    found = re.match(r"https?://[^/?#]+", target)
    return found[0] if found else ""


@dataclass
class Interaction:
    """One request and its answer.

    Args:
        method: `GET`, `POST`, ...; empty where what was asked is not known.
        target: Path and query, or a whole address on another host.
        headers: Of the request.
        body: Of the request.
        status: Of the answer; 0 if there was none.
        answer_headers: Of the answer.
        pieces: Its body, as it arrived.
        end: `whole`; `left` by the reader before its end; `broken` with the kind of the error.
    """

    method: str = ""
    target: str = ""
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    status: int = 0
    answer_headers: Headers = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    end: str = "left"


@dataclass
class Transcript:
    """Facts about a session, and what went over the wire.

    Args:
        facts: `service`, `source`, ...; values are one line each.
        interactions: In the order in which they were begun.
    """

    facts: dict[str, str] = field(default_factory=dict)
    interactions: list[Interaction] = field(default_factory=list)

    def __str__(self) -> str:
        facts = "".join(f"# {name}: {value}\n" for name, value in self.facts.items())
        return "\n".join([facts, *map(_written, self.interactions)])

    @classmethod
    def read(cls, text: str) -> Transcript:
        r"""Read what `str()` wrote, or a person.

        Raises:
            ValueError: A line is none of a transcript; it says which.

        Example:
            >>> Transcript.read("# source: mine\n\nHTTP/1.1 200 OK\n\nHi").interactions[0].pieces
            [b'Hi']
        """
        lines = text.split("\n")
        facts = dict(_facts(lines))
        return cls(facts, list(_interactions(lines, len(facts))))


# --- writing -------------------------------------------------------------------------------------


def _written(interaction: Interaction) -> str:
    asked = "".join((f"> {line}\n" if line else ">\n") for line in _request_lines(interaction))
    answered = _answer_lines(interaction) if interaction.status else ""
    return f"{asked}\n{answered}# end: {interaction.end}\n"


def _request_lines(interaction: Interaction) -> Iterator[str]:
    if not interaction.method:
        return
    yield f"{interaction.method} {interaction.target}"
    yield from (f"{name}: {value}" for name, value in interaction.headers)
    if interaction.body:
        yield ""
        yield from _escaped(interaction.body).split("\n")


def _answer_lines(interaction: Interaction) -> str:
    words = {status.value: status.phrase for status in HTTPStatus}
    status = f"HTTP/1.1 {interaction.status} {words.get(interaction.status, '')}".rstrip()
    top = [status, *(f"{name}: {value}" for name, value in interaction.answer_headers)]
    body = BORDER.join(map(_escaped, interaction.pieces))
    return "\n".join(top) + "\n\n" + _HASH.sub("⟨23⟩", body) + "\n"


_HASH = re.compile(r"^#", re.MULTILINE)
_HIDDEN = re.compile(  # what nobody sees, and what is a mark of ours
    f"[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029{BORDER}{RETURN}⟨⟩]"
)
_BYTES = re.compile(r"⟨([0-9a-f]+)⟩")


def _escaped(raw: bytes) -> str:
    return _HIDDEN.sub(_hex, raw.decode("utf-8", "surrogateescape"))


def _hex(found: re.Match[str]) -> str:
    if found[0] == "\r":
        return RETURN
    return f"⟨{found[0].encode('utf-8', 'surrogateescape').hex()}⟩"


# --- reading -------------------------------------------------------------------------------------


def _facts(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if not line.startswith("# "):
            return
        name, colon, value = line[2:].partition(": ")
        if not colon:
            raise ValueError(f"This is no fact of a transcript: {line!r}")
        yield name, value


def _interactions(lines: list[str], at: int) -> Iterator[Interaction]:
    while (at := _skipped(lines, at)) < len(lines):
        interaction = Interaction()
        at = _read_request(lines, at, interaction)
        at = _skipped(lines, at)
        at = _read_answer(lines, at, interaction)
        yield interaction


def _skipped(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at]:
        at += 1
    return at


def _read_request(lines: list[str], at: int, interaction: Interaction) -> int:
    end = at
    while end < len(lines) and lines[end].startswith(">"):
        end += 1
    asked = [line[1:].removeprefix(" ") for line in lines[at:end]]
    if asked:
        interaction.method, _, interaction.target = asked[0].partition(" ")
        head = asked.index("") if "" in asked else len(asked)
        interaction.headers = [_header(line) for line in asked[1:head]]
        interaction.body = _raw("\n".join(asked[head + 1 :]))
    return end


def _read_answer(lines: list[str], at: int, interaction: Interaction) -> int:
    end = next((n for n in range(at, len(lines)) if lines[n].startswith("# end: ")), len(lines))
    interaction.end = lines[end].removeprefix("# end: ") if end < len(lines) else "whole"
    if at == end:
        return end + 1
    head = lines.index("", at, end) if "" in lines[at:end] else end
    found = re.fullmatch(r"HTTP/1\.[01] (\d{3})(?: .*)?", lines[at])
    if found is None:
        raise ValueError(f"A transcript's answer begins with HTTP/1.1, not with {lines[at]!r}")
    interaction.status = int(found[1])
    interaction.answer_headers = [_header(line) for line in lines[at + 1 : head]]
    body = "\n".join(lines[head + 1 : end])
    interaction.pieces = [_raw(piece) for piece in body.split(BORDER)] if body else []
    return end + 1


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"This is no header of a transcript: {line!r}")
    return name, value.strip()


def _raw(text: str) -> bytes:
    parts = _BYTES.split(text.replace(RETURN, "\r"))
    even = (part.encode() for part in parts[::2])
    odd = [bytes.fromhex(part) for part in parts[1::2]] + [b""]
    return b"".join(a + b for a, b in zip(even, odd, strict=True))
