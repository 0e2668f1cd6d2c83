"""Ids of messages, the same in every request: services that keep a thread drop what they know.

Neither a caller's ids nor a service's are sure to come back: a page keeps roles and texts, and
LangGraph names each message anew that has none. So what went out is kept with the conversation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from remote_agents.memory.digests import SIZE, Digest, each
from remote_agents.memory.history_matching import Conversation
from remote_agents.memory.marks import Mark
from remote_agents.types import Message


@dataclass(slots=True)
class Ids:
    """Names the messages that go to a conversation.

    Args:
        agent: `provider:agent_id@host/path`.
        digest: Of a message in its dialogue.
        anywhere: Of a message, however its dialogue is named.
        conversation: Where they go.
        marks: Gives the marks of the history, the newest first.
    """

    agent: str
    digest: Digest
    anywhere: Digest
    conversation: Conversation
    marks: Callable[[], Iterable[Mark]]

    def named(
        self,
        messages: Sequence[Message],
        places: Sequence[int],
        digests: Iterable[bytes],
        first: int,
    ) -> list[Message]:
        """The messages with their ids.

        Args:
            messages: The caller's.
            places: Where those of the dialogue stand among them: all but system messages.
            digests: Of those.
            first: The place in the conversation of the first of those.
        """
        named = [self._instruction(m) if m.role == "system" else m for m in messages]
        end = len(self.conversation.held)
        for at, said, place in reversed([*zip(places, digests, count(first))]):
            known, end = self._known_id(said, end) if place < self.conversation.count else ("", end)
            message = messages[at]
            own = known or self._own_or_new_id(message, place)
            named[at] = replace(message, id=_of_this_text(message, own))
        return named

    def _known_id(self, said: bytes, end: int) -> tuple[str, int]:
        """The id under which it went the last time before this place, and where that was.

        What the caller holds may have gaps: another engine, or a stream that was left, led the
        conversation on.
        """
        held, ids = self.conversation.held, self.conversation.ids
        at = held.rfind(said, 0, end)
        while at % SIZE and at > 0:
            at = held.rfind(said, 0, at + SIZE - 1)
        behind = (at - len(held)) // SIZE
        known = at % SIZE == 0 and -len(ids) <= behind
        return (ids[behind], at) if known else ("", end)

    def _own_or_new_id(self, message: Message, place: int) -> str:
        """The service's id of its reply, else the caller's, else a new one."""
        origin = message.origin
        ours = origin.reply_id if origin and origin.agent == self.agent else None
        own = ours or message.id
        if own and not self._is_anothers(_of_this_text(message, own), place):
            return own
        return f"{self.anywhere(message).hex()}-{place}"

    def _is_anothers(self, own: str, place: int) -> bool:
        """Whether a new message has the id of one that the thread knows, and would be dropped."""
        return place >= self.conversation.count and own in self.conversation.ids

    def _instruction(self, message: Message) -> Message:
        """A system message with its id; one that comes back is said again, under another."""
        said = self.digest(message)
        known = self._known_instruction_id(said) or f"{_head(said)}{self._turn_of(said)}"
        return replace(message, id=_of_this_text(message, known))

    def _known_instruction_id(self, said: bytes) -> str:
        ids = self.conversation.instructions if self._in_force(said) else ()
        return next((known for known in ids if known.startswith(_head(said))), "")

    def _in_force(self, said: bytes) -> bool:
        return said in each(self.conversation.system)

    def _turn_of(self, said: bytes) -> int:
        """The turn in which it was said that has stood in every turn since."""
        if not self._in_force(said):
            return self.conversation.turns + 1
        turn = 1
        for mark in self.marks():
            if mark.conversation_id == self.conversation.conversation_id:
                if said not in each(mark.system):
                    break
                turn = mark.turn
        return turn


def _head(said: bytes) -> str:
    return f"system-{said.hex()}-"


def _of_this_text(message: Message, own: str) -> str:
    """The id of a message with these very blanks, this name and these files.

    A digest tells none of them, and LangGraph's servers go back to a message that comes under its
    id with another text: the newest question were never asked.
    """
    if message.role not in ("user", "system"):
        return own
    files = [(file.mime_type, file.filename) for file in message.attachments]
    usual: object = (" ".join(message.content.split()), None, [])
    said = (message.content, message.name, files)
    return _TEXT.sub("", own) + ("" if said == usual else f"~{_digest_of(repr(said))}")


def _digest_of(text: str) -> str:
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


_TEXT = re.compile(r"~[0-9a-f]{8}\Z")


def ids_of(messages: Sequence[Message], places: Iterable[int]) -> list[str]:
    """The ids of the messages at these places."""
    return [messages[at].id or "" for at in places]


def ends_turn_of(conversation_id: str, message: Message) -> bool:
    """Whether it is marked as an answer of this conversation, with which a turn of it ended."""
    mark = message.origin.mark if message.origin else None
    return mark is not None and mark.get("conversation") == conversation_id
