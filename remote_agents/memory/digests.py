"""Digests: how messages are known again without keeping a word of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from remote_agents.types import Attachment, Message
from remote_agents.types.contents import content_of

SIZE = 6  # bytes of one digest
Digest = Callable[[Message], bytes]


@lru_cache(maxsize=1000)
def digest_for(*names: str) -> Digest:
    """A function that digests messages, keyed so that one dialogue's say nothing of another's.

    What counts is the role, the text with each run of whitespace as one blank, tool calls by name
    and arguments, the id of the call that is answered, and each file's kind and address or bytes;
    not the files of an answer, of which each framework keeps what it has a place for.

    Args:
        *names: Account and dialogue.

    Example:
        >>> digest = digest_for("account", "dialogue")
        >>> digest(Message("user", "Hi  there")) == digest(Message("user", "Hi there"))
        True
    """
    key = hashlib.blake2s("\0".join(names).encode("utf-8", "surrogatepass")).digest()
    blake2s = hashlib.blake2s

    def digest(message: Message) -> bytes:
        said = f"{message.role}\0{' '.join(message.content.split())}"
        files = () if message.role == "assistant" else message.attachments
        if message.tool_calls or message.tool_call_id or files:
            said += f"\0{_sorted(_calls_and_files(message, files))}"
        return blake2s(said.encode("utf-8", "surrogatepass"), digest_size=SIZE, key=key).digest()

    return digest


def _calls_and_files(message: Message, files: Iterable[Attachment]) -> list[Any]:
    calls = [[call.name, call.arguments] for call in message.tool_calls]
    return [calls, message.tool_call_id, [_file(file) for file in files]]


def _sorted(value: object) -> str:
    """As JSON, which has but texts for keys."""
    return json.dumps(json.loads(json.dumps(value, default=str)), sort_keys=True)


def _file(file: Attachment) -> list[str | None]:
    address = file.url or file.file_id or file.path
    if address is None and file.data is not None:
        address = hashlib.blake2s(content_of(file.data)).hexdigest()
    return [file.kind, address]


def each(digests: bytes) -> Iterator[bytes]:
    """Digests one by one, of several that stand in a row."""
    return (digests[at : at + SIZE] for at in range(0, len(digests), SIZE))
