"""The plan of a turn: what it sends, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from remote_agents.memory.history_matching import Conversation
from remote_agents.types import Message, Waits

# Why a turn goes on where it does, and why a new conversation begins: `docs/memory.md` has a row
# for each.
Reason = Literal[
    "history",
    "session",
    "conversation_id",
    "resume",
    "nothing_named",
    "first_turn",
    "prompt_alone",
    "cleared",
    "unknown_history",
    "history_differs",
    "instruction_dropped",
    "nothing_asked",
    "under_way",
    "lapsed",
    "lost",
    "moved",
]


@dataclass(slots=True)
class Plan:
    """What one turn sends, and where.

    Args:
        messages: What is new, in roles that the endpoint takes.
        history: What the conversation holds of the caller's messages already, for services that
            want it along; each message has an id that stays the same from turn to turn.
        conversation: The conversation that it goes on in, as it stood.
        keep: Whether the service is asked to keep a new conversation.
        memory: `continued`, `new` or `replayed`; None where no conversation is kept.
        reason: Why it is that.
        differs: Index and role of the first message that differs, where a history is replayed.
        asked: Digests of what is new, of the last thousand at most.
        older: How many messages are new beside these.
        system: Digests of the system messages of the call.
        bare: Whether the call brought no history.
        ids: The ids of what is new, where the service knows messages by theirs.
        instructions: The ids of the system messages of the call.
        moved_on: Whether the conversation is known to hold more than `history`.
    """

    messages: list[Message]
    history: Sequence[Message] = ()
    conversation: Conversation | None = None
    keep: bool = False
    memory: str | None = None
    reason: Reason | None = None
    differs: tuple[int, str] | None = None
    asked: bytes = b""
    older: int = 0
    system: bytes = b""
    bare: bool = True
    ids: Sequence[str] | None = None
    instructions: Sequence[str] = ()
    moved_on: bool = False

    @property
    def conversation_id(self) -> str | None:
        """The service's id of the conversation that it goes on in, if any."""
        return self.conversation.conversation_id if self.conversation else None

    def outcome(
        self,
        conversation_id: str,
        answer: bytes,
        reply_id: str | None = None,
        waits: Waits = (),
        *,
        chained: bool = False,
    ) -> Conversation:
        """What is known of the conversation after this turn; without an answer it broke off.

        Where turns are `chained`, it goes on under the new id.
        """
        before = self.conversation
        if before is not None and chained:
            before = replace(before, conversation_id=conversation_id)
        if before is None or before.conversation_id != conversation_id:
            before = Conversation(conversation_id)
        return before.after(
            self.asked + answer,
            self.system,
            history=not self.bare,
            broke_off=not answer,
            older=self.older,
            ids=None if self.ids is None else [*self.ids, *([reply_id or ""] if answer else [])],
            instructions=self.instructions,
            waits=waits,
        )
