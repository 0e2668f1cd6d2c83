"""Response heads that say twice, or in two ways, where the body ends. No I/O.

Gateways do: a second Transfer-Encoding from the framework behind them, `identity`, a length beside
chunks. Of the two parsers one refuses each of these after the turn has run, and the other reads it.
Here they are read: chunks win over a length, one of two equal statements goes, and a packing that
is said to be the transfer's is the content's. What contradicts itself stays, and is refused. Such a
connection is closed after its answer, so nothing can be smuggled into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ENCODING, LENGTH, CONNECTION = b"transfer-encoding", b"content-length", b"connection"
FRAMING = (ENCODING, LENGTH, CONNECTION)
_USUAL = re.compile(rb"\n(?:transfer-encoding: chunked|content-length: \d+)\r\n")


def plain_head(head: bytes) -> bytes:
    r"""The same head with one statement of where the body ends.

    Args:
        head: A status line and headers, the empty line included.

    Example:
        >>> plain_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n")
        b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'
    """
    lower = head.lower()
    told = lower.count(b"\n" + ENCODING + b":") + lower.count(b"\n" + LENGTH + b":")
    if told == 0 or (told == 1 and (_USUAL.search(lower) or not _is_odd(lower))):
        return head
    lines = head.split(b"\n")
    said = _framing(_values(lines, ENCODING), _values(lines, LENGTH))
    if said is None:
        return head
    others = [line.rstrip(b"\r") for line in lines if _name(line) not in FRAMING]
    while others and not others[-1]:
        others.pop()
    return b"\r\n".join([*others, *said, b"Connection: close", b"", b""])


def _is_odd(lower: bytes) -> bool:
    """Whether the only statement of a head is not one that every parser reads."""
    lines = lower.split(b"\n")
    return _values(lines, ENCODING) not in ([], [b"chunked"]) or len(_values(lines, LENGTH)) > 1


def _framing(codings: list[bytes], lengths: list[bytes]) -> list[bytes] | None:
    """The header that is meant; None if that is not clear."""
    if not all(map(bytes.isdigit, lengths)):
        return None
    kinds = [coding for coding in codings if coding not in (b"identity", b"")]
    packed = [coding for coding in kinds if coding != b"chunked"]
    said = [b"Content-Encoding: " + b", ".join(packed)] if packed else []
    if b"chunked" in kinds:
        return [*said, b"Transfer-Encoding: chunked"]
    if packed or len(set(lengths)) > 1:
        return said or None
    return [b"Content-Length: " + length for length in lengths[:1]]


def _values(lines: Iterable[bytes], name: bytes) -> list[bytes]:
    """Each value of a header, in lower case; several may stand in one line."""
    return [
        value.strip().lower()
        for line in lines
        if _name(line) == name
        for value in line.partition(b":")[2].split(b",")
    ]


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()
