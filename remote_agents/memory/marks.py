"""Marks: what a reply says of its own turn, sealed, so that the next turn can go on from it.

A history comes from browsers too. A mark that is forged, or was made for another account or agent,
cannot be opened; its message is then one without a mark, which leads to a replay at worst.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.memory.digests import SIZE
from remote_agents.memory.history_matching import KEPT, LATEST, Conversation

SEAL = 12  # bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """One turn of a conversation.

    Args:
        conversation_id: The service's id.
        dialogue: Which dialogue it was a turn of.
        turn: Its place in the conversation, counted from 1.
        count: Messages that the conversation holds after it.
        asked: Digests of what was asked.
        answer: Digest of the answer.
        system: Digests of the system messages that its call held.
        after: The id of the answer that it went on from, where each answer has one of its own.
    """

    conversation_id: str
    dialogue: str
    turn: int
    count: int
    asked: bytes
    answer: bytes
    system: bytes = b""
    after: str | None = None

    @property
    def said(self) -> bytes:
        """Digests of all that was said in it."""
        return self.asked + self.answer


class Sealer:
    """Seals the marks of one agent and account, and opens them again.

    Args:
        key: What the seal is made with.
        account: Whose marks they are.
        agent: `provider:agent_id@host/path`.
    """

    def __init__(self, key: bytes, account: str, agent: str) -> None:
        whose = f"{account}\0{agent}".encode("utf-8", "surrogatepass")
        self._key = hashlib.blake2s(whose, key=key[:32]).digest()

    def seal(self, mark: Mark) -> JsonObject:
        """The mark as it stands in a reply's metadata."""
        shown: JsonObject = {
            "conversation": mark.conversation_id,
            "dialogue": mark.dialogue,
            "turn": mark.turn,
            "count": mark.count,
            "asked": _text(mark.asked),
            "answer": _text(mark.answer),
        }
        if mark.system:
            shown["system"] = _text(mark.system)
        if mark.after is not None:
            shown["after"] = mark.after
        return {**shown, "seal": self._seal_of(shown)}

    def open(self, shown: JsonMapping) -> Mark | None:
        """The mark, if its seal is right."""
        fields = {name: shown[name] for name in _FIELDS if name in shown}
        seal = shown.get("seal")
        try:
            if not isinstance(seal, str) or not hmac.compare_digest(seal, self._seal_of(fields)):
                return None
            return Mark(
                fields["conversation"],
                fields["dialogue"],
                fields["turn"],
                fields["count"],
                _bytes(fields["asked"]),
                _bytes(fields["answer"]),
                _bytes(fields.get("system", "")),
                fields.get("after"),
            )
        except (TypeError, ValueError, KeyError, binascii.Error):
            return None

    def _seal_of(self, fields: JsonMapping) -> str:
        names = _FIELDS if "after" in fields else _FIELDS[:-1]
        sealed = repr([fields.get(name) for name in names]).encode("utf-8", "surrogatepass")
        return _text(hashlib.blake2s(sealed, digest_size=SEAL, key=self._key).digest())


@lru_cache(maxsize=256)
def sealer_for(key: bytes, account: str, agent: str) -> Sealer:
    """The sealer of an agent and account; arguments as for `Sealer`."""
    return Sealer(key, account, agent)


_FIELDS = ("conversation", "dialogue", "turn", "count", "asked", "answer", "system", "after")


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _bytes(value: str) -> bytes:
    return base64.urlsafe_b64decode(value)


def walked(marks: Mapping[int, Mark]) -> Conversation:
    """What the marks of one conversation vouch for together: from the newest back to a gap.

    Args:
        marks: Each by its turn.
    """
    newest = marks[max(marks)]
    turn, said, length = newest.turn, [], 0
    while turn in marks and length < KEPT * SIZE:
        said.append(marks[turn].said)
        length += len(said[-1])
        turn -= 1
    whole = length >= KEPT * SIZE  # more is never compared
    return Conversation(
        newest.conversation_id,
        turns=newest.turn,
        count=newest.count,
        known=newest.count if whole else length // SIZE,
        held=b"".join(reversed(said))[-KEPT * SIZE :],
        system=newest.system,
        history=True,
    )


def candidates(
    shown: Iterable[JsonMapping],
    records: Iterable[Conversation],
    opened: Callable[[JsonMapping], Mark | None],
    *,
    chained: bool = False,
) -> list[Conversation]:
    """The conversations of a dialogue: of each, what has seen more of it.

    Of a conversation that the store does not know, marks say all, unless the store may have dropped
    it for later ones: then nobody knows what came after them.

    Args:
        shown: The marks in the caller's history, newest first.
        records: What the store knows.
        opened: Opens a mark; None if it is forged, or of another dialogue.
        chained: Whether nothing comes after what a mark tells, as each answer has an id of its own.
    """
    stored = {record.conversation_id: record for record in records}
    drops = not chained and sum(record.turns > 1 for record in stored.values()) >= LATEST
    found: dict[str, dict[int, Mark]] = {}
    chains: dict[str, str] = {}  # by the id of an answer the newest id of what went on from it
    for each in shown:
        name = each.get("conversation")
        if not isinstance(name, str) or found.get(name) == {} or (mark := opened(each)) is None:
            continue
        name = chains.get(name, name)
        record = stored.get(name)
        if record is None and drops:
            continue
        turns = found.setdefault(name, {})
        if turns or record is None or (record.count < mark.count and not record.lapsed):
            turns.setdefault(mark.turn, mark)  # else the store has seen as much, or more
            if mark.after is not None:
                chains[mark.after] = name
    known = [walked(turns) if turns else stored[name] for name, turns in found.items()]
    return [*known, *(record for name, record in stored.items() if name not in found)]
