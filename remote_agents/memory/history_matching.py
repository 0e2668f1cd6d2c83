"""The law of conversation memory: the history decides.

After each turn, the caller's messages are an ending of what the conversation holds. So his messages
go on in a conversation if some proper beginning of them is an ending of what it holds; the longest
counts, and what follows it is new. `docs/memory.md` draws it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from remote_agents.memory.digests import SIZE
from remote_agents.types import Waits

KEPT = 1000  # digests of a conversation's last messages; so many messages are compared
LATEST = 8  # conversations of a dialogue that a store keeps: so many continued, so many others


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of one conversation; never its text.

    Args:
        conversation_id: The service's id.
        turns: Turns that it has had.
        count: Messages that it holds, system messages apart.
        known: How many of them are known, from the newest back.
        held: Digests of the last of these, at most a thousand, oldest first.
        system: Digests of the system messages that its last turn held.
        history: Whether its last turn brought a history.
        broke_off: Whether its last turn ended without a whole answer.
        busy_since: When the turn began that is under way, in seconds since the epoch.
        lapsed: Whether its last turn was under way in a process that died: nobody knows what it
            holds, until a prompt that brings no history goes on in it.
        ids: The ids under which the last messages went, as many as are `held` at most, where the
            service knows messages by theirs; of an answer the service's own.
        instructions: The ids of the system messages of its last turn.
        waits: What its last turn waits for a person for: the ids of the interrupts, and how each
            is answered.
        created: Seconds since the epoch.
        last_used: Seconds since the epoch.
    """

    conversation_id: str
    turns: int = 0
    count: int = 0
    known: int = 0
    held: bytes = b""
    system: bytes = b""
    history: bool = False
    broke_off: bool = False
    busy_since: float | None = None
    lapsed: bool = False
    ids: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    waits: Waits = ()
    created: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)

    def after(
        self,
        said: bytes,
        system: bytes,
        *,
        history: bool,
        broke_off: bool,
        older: int = 0,
        ids: Sequence[str] | None = None,
        instructions: Sequence[str] = (),
        waits: Waits = (),
    ) -> Conversation:
        """The conversation after one more turn, in which these messages were said.

        `older` were said before them, which nobody will compare. Where the service knows messages
        by their ids, `ids` are those of these messages, one each.
        """
        more = older + len(said) // SIZE
        known, held = (0, b"") if self.lapsed else (self.known, self.held)
        return Conversation(
            self.conversation_id,
            turns=self.turns + 1,
            count=self.count + more,
            known=known + more,
            held=(held + said)[-KEPT * SIZE :],
            system=system,
            history=history,
            broke_off=broke_off,
            ids=() if ids is None else (*(() if self.lapsed else self.ids), *ids)[-KEPT:],
            instructions=tuple(instructions),
            waits=waits,
            created=self.created,
        )


Accepts = Callable[[int, Conversation], bool]


def match_history(
    mine: bytes, candidates: Iterable[Conversation], accepts: Accepts, before: int = 0
) -> tuple[int, Conversation | None]:
    """Which conversation a history goes on in, and how many of its messages that one holds.

    Args:
        mine: Digests of the caller's messages.
        candidates: Conversations of this agent and dialogue; of equals the first one counts.
        accepts: Whether the message at this place may be the newest one of that conversation.
        before: Messages of the history that stand before these and are not compared.

    Returns:
        The number and the conversation; 0 and None if it goes on in none.
    """
    places = _places(mine)
    best: tuple[int, Conversation | None] = (0, None)
    for conversation in candidates:
        if conversation.lapsed:
            continue
        for size in places.get(conversation.held[-SIZE:], ()):
            if size <= best[0]:
                break
            if _is_ending(mine, size, conversation, before) and accepts(size, conversation):
                best = size, conversation
                break
    return best


def _places(mine: bytes) -> dict[bytes, list[int]]:
    """Where each digest ends a proper beginning, the longest first."""
    places: dict[bytes, list[int]] = {}
    for end in range(len(mine) - SIZE, 0, -SIZE):
        places.setdefault(mine[end - SIZE : end], []).append(end // SIZE)
    return places


def _is_ending(mine: bytes, size: int, conversation: Conversation, before: int) -> bool:
    """Whether so many messages are an ending of what the conversation holds."""
    held, end = conversation.held, size * SIZE
    if before + size > conversation.known:
        return False
    if before and end < min(len(held), KEPT * SIZE // 2):
        return False  # too few of a long history to tell
    return held.endswith(mine[max(0, end - len(held)) : end])


def first_difference(mine: bytes, conversation: Conversation) -> int:
    """Which of the caller's messages is the first that the conversation does not hold there.

    It is looked for where the two run along together the longest; a history of which the
    conversation holds everything, and more, differs at its end.
    """
    held, end, longest = conversation.held, len(mine) - SIZE, 0
    start = held.find(mine[:SIZE])
    while start >= 0 and longest < end:
        if start % SIZE == 0:
            longest = max(longest, _common(mine, held[start:]))
        start = held.find(mine[:SIZE], start + 1)
    return min(longest, end) // SIZE


def _common(one: bytes, other: bytes) -> int:
    """How many bytes of whole digests two rows begin with alike; halves, to be quick."""
    low, high = 0, min(len(one), len(other)) // SIZE
    while low < high:
        middle = (low + high + 1) // 2
        if one[: middle * SIZE] == other[: middle * SIZE]:
            low = middle
        else:
            high = middle - 1
    return low * SIZE
