"""The plan of a turn: which messages are new, and which conversation they belong to. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from typing import Literal, get_args

from remote_agents.errors import UnsupportedContentError
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.memory.dialogue import Dialogue
from remote_agents.memory.digests import SIZE, Digest, digest_for, each, row
from remote_agents.memory.folding import Fold, fold_messages, in_turns, shaped
from remote_agents.memory.ids import Ids, ends_turn_of, ids_of
from remote_agents.memory.law import KEPT, Conversation, differs_at, goes_on
from remote_agents.memory.marks import Mark, Sealer, candidates
from remote_agents.service import Endpoint
from remote_agents.types import Message

Memory = Literal["auto", "server", "client"]
MEMORY_MODES = get_args(Memory)


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
        differs: Index and role of the first message that differs, where a history is replayed.
        asked: Digests of what is new, of the last thousand at most.
        older: How many messages are new beside these.
        system: Digests of the system messages of the call.
        bare: Whether the call brought no history.
        ids: The ids of what is new, where the service knows messages by theirs.
        instructions: The ids of the system messages of the call.

    Attributes:
        conversation_id: The conversation that it goes on in, if any.
    """

    messages: list[Message]
    history: Sequence[Message] = ()
    conversation: Conversation | None = None
    keep: bool = False
    memory: str | None = None
    differs: tuple[int, str] | None = None
    asked: bytes = b""
    older: int = 0
    system: bytes = b""
    bare: bool = True
    ids: Sequence[str] | None = None
    instructions: Sequence[str] = ()
    conversation_id: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.conversation_id = self.conversation.conversation_id if self.conversation else None

    def outcome(
        self, conversation_id: str, answer: bytes, reply_id: str | None = None
    ) -> Conversation:
        """What is known of the conversation after this turn; without an answer it broke off."""
        before = self.conversation
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
        )


class Prompt:
    """A caller's messages, looked at once, and the ways to send them.

    Args:
        messages: System messages, history, the new message.
        endpoint: The facts of the service.
        agent: `provider:agent_id@host/path`.
        fold: Makes one text of several messages.
        resumes: Whether they only say which run goes on, so that there need be none.
        tools: Names of the tools that the agent is given along with them.

    Raises:
        UnsupportedContentError: There is none.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        endpoint: Endpoint,
        agent: str,
        fold: Fold | None = None,
        *,
        resumes: bool = False,
        tools: Collection[str] = (),
    ) -> None:
        self.messages = list(messages)
        if not (self.messages or resumes):
            raise UnsupportedContentError(
                "There is no message to send; pass at least one.", endpoint=endpoint.name
            )
        self.endpoint = endpoint
        self.agent = agent
        self.fold = fold or fold_messages
        self.tools = tools
        # Whether the service is told its messages again, and knows them by their ids.
        self.wants_ids = endpoint.context and not endpoint.one_message
        self.bare = not any(message.role == "assistant" for message in self.messages)

    @cached_property
    def places(self) -> list[int]:
        """Where the messages of the dialogue stand: all but system messages."""
        return [at for at, message in enumerate(self.messages) if message.role != "system"]

    def alone(self) -> Plan:
        """Everything, to no conversation."""
        return Plan(self.shaped(self.messages, one=False), bare=self.bare)

    def shaped(self, messages: Sequence[Message], *, one: bool) -> list[Message]:
        """Messages of this prompt as the endpoint takes them, to a conversation or to none."""
        answers = self.answers(messages[-1])
        return shaped(messages, self.endpoint, self.fold, one=one, answers=answers)

    def answers(self, message: Message) -> bool:
        """Whether it is the result of a call that this agent made."""
        return message.role == "tool" and message.tool_call_id in self._own_calls

    @cached_property
    def _own_calls(self) -> set[str]:
        """The calls in the replies of this agent; of a message that nobody marked, by the tool."""
        return {
            call.id
            for message in self.messages
            if not message.is_of_another(self.agent)
            for call in message.tool_calls
            if message.origin or call.name in self.tools
        }

    def newest_mark(self, sealer: Sealer) -> Mark | None:
        """The newest mark of this agent and account."""
        for message in reversed(self.messages):
            origin = message.origin
            if origin and origin.mark and (mark := sealer.open(origin.mark)):
                return mark
        return None

    def waiting(self) -> Message | None:
        """The newest message of this agent whose run waits for a person."""
        for message in reversed(self.messages):
            origin = message.origin
            if origin and origin.interrupts and origin.agent == self.agent:
                return message
        return None

    def newest_own(self) -> int:
        """Where the newest reply stands that is not known to be another's; -1 if there is none."""
        for at in range(len(self.messages) - 1, -1, -1):
            message = self.messages[at]
            if message.role == "assistant" and not message.is_of_another(self.agent):
                return at
        return -1


@dataclass
class Standing:
    """A prompt in its dialogue: what of it is known to whom.

    Args:
        prompt: The caller's messages.
        dialogue: Whose they are.
        sealer: Opens the marks in them.
        account: Whose conversations are looked for.
    """

    prompt: Prompt
    dialogue: Dialogue
    sealer: Sealer
    account: str
    digest: Digest = field(init=False)
    mine: bytes = field(init=False)
    before: int = field(init=False)
    system: bytes = field(init=False)
    records: Sequence[Conversation] = ()
    known: Sequence[Conversation] = ()

    def __post_init__(self) -> None:
        messages, places = self.prompt.messages, self.prompt.places
        self.before = max(0, len(places) - KEPT)
        mine = [messages[at] for at in places[self.before :]]
        system = [message for message in messages if message.role == "system"]
        self.digest = digest_for(self.account, self.dialogue.shown)
        self.mine, self.system = row(map(self.digest, mine)), row(map(self.digest, system))

    # --- what goes on ------------------------------------------------------------------------

    def learn(self, records: Sequence[Conversation]) -> None:
        """Take what a store knows of the dialogue, the latest used first, and what marks say."""
        self.records = [record for record in records if record.conversation_id]
        shown = list(self._shown())
        if shown or self.records:
            self.known = candidates(shown, self.records, self._opened)

    def continued(self) -> Plan | None:
        """What is new to the conversation that the history goes on in; None if there is none."""
        if not self.known:
            return None
        size, found = goes_on(self.mine, self.known, self._is_newest, self.before)
        if found is None or len(self.system) < len(found.system):
            return None
        at = self.prompt.places[self.before + size - 1]
        return self.sent_after(at, found) if self._asks_after(at) else None

    def _asks_after(self, at: int) -> bool:
        """Whether a question, or the result of a call that this agent made, stands after it."""
        prompt = self.prompt
        return any(m.role == "user" or prompt.answers(m) for m in prompt.messages[at + 1 :])

    def _shown(self) -> Iterator[JsonMapping]:
        messages = reversed(self.prompt.messages)
        return (m.origin.mark for m in messages if m.origin and m.origin.mark)

    def _opened(self, shown: JsonMapping) -> Mark | None:
        if shown.get("dialogue") != self.dialogue.shown:
            return None
        return self.sealer.open(shown)

    def _is_newest(self, size: int, conversation: Conversation) -> bool:
        """An answer whose mark names another turn than the conversation's newest is not it."""
        message = self.prompt.messages[self.prompt.places[self.before + size - 1]]
        shown = message.origin.mark if message.origin else None
        if not shown or shown.get("conversation") != conversation.conversation_id:
            return True
        mark = self._opened(shown)
        return mark is None or mark.turn == conversation.turns

    # --- plans -------------------------------------------------------------------------------

    def anew(self) -> Plan:
        """Everything, to a new conversation."""
        prompt, newest = self.prompt, self.known[0] if self.known else None
        if prompt.bare:
            newest = None
        messages = self._with_ids(prompt.messages, 0, Conversation(""))
        return Plan(
            prompt.shaped(messages, one=not prompt.endpoint.context),
            keep=True,
            memory="replayed" if newest else "new",
            differs=self._differs(newest) if newest else None,
            asked=self.mine,
            older=self.before,
            system=self.system,
            bare=prompt.bare,
            **self._named(messages, 0),
        )

    def _differs(self, conversation: Conversation) -> tuple[int, str]:
        at = self.prompt.places[self.before + differs_at(self.mine, conversation)]
        return at, self.prompt.messages[at].role

    def next_of_session(self) -> Plan:
        """A prompt without a history: it goes to the latest conversation, unless that is cleared.

        If the session's last call brought a history, there is none any more.
        """
        latest = self.records[0] if self.records else None
        if plan := self.continued():
            return plan
        return self.anew() if latest is None or latest.history else self.sent_after(-1, latest)

    def latest(self) -> Plan:
        """What stands after the newest reply, to the session's latest conversation."""
        return self.following(self.records[0].conversation_id) if self.records else self.anew()

    def resumed(self, conversation_id: str) -> Plan:
        """No message: the conversation goes on with a run that waits."""
        known = [found for found in self.known if found.conversation_id == conversation_id]
        return Plan(
            [],
            conversation=known[0] if known else Conversation(conversation_id),
            memory="continued",
            system=self.system,
            bare=False,
            **self._named((), len(self.prompt.places)),
        )

    def following(self, conversation_id: str) -> Plan:
        """What stands after the newest message of a conversation that the caller names."""
        at, conversation = self._newest_of(conversation_id)
        if at < 0:
            at = self.prompt.newest_own()
        known = [record for record in self.records if record.conversation_id == conversation_id]
        return self.sent_after(at, known[0] if known else conversation)

    def _newest_of(self, conversation_id: str) -> tuple[int, Conversation]:
        messages = self.prompt.messages
        for at in range(len(messages) - 1, -1, -1):
            origin = messages[at].origin
            if origin and origin.mark and origin.mark.get("conversation") == conversation_id:
                mark = self.sealer.open(origin.mark)
                if mark:
                    system = mark.system if mark.dialogue == self.dialogue.shown else b""
                    return at, Conversation(conversation_id, mark.turn, mark.count, system=system)
        return -1, Conversation(conversation_id)

    def sent_after(self, at: int, conversation: Conversation) -> Plan:
        """What stands after a message, and system messages that the last turn did not hold."""
        prompt, held = self.prompt, set(each(conversation.system))
        size = bisect_right(prompt.places, at)
        first = conversation.count - size
        messages = self._with_ids(prompt.messages, first, conversation)
        new = [
            message
            for index, message in enumerate(messages)
            if (self.digest(message) not in held if message.role == "system" else index > at)
        ]
        if size == len(prompt.places):
            raise UnsupportedContentError(
                "There is no new message: the history ends with the agent's own reply."
            )
        return Plan(
            prompt.shaped(new, one=True),
            history=self._context(messages[: at + 1], held, conversation),
            conversation=conversation,
            memory="continued",
            asked=self.mine[max(0, size - self.before) * SIZE :],
            older=max(0, self.before - size),
            system=self.system,
            bare=prompt.bare,
            **self._named(messages, size),
        )

    def mark(self, plan: Plan, conversation: Conversation, answer: bytes) -> JsonObject:
        """The mark of the reply that ends a turn, sealed."""
        return self.sealer.seal(
            Mark(
                conversation.conversation_id,
                self.dialogue.shown,
                conversation.turns,
                conversation.count,
                plan.asked,
                answer,
                plan.system,
            )
        )

    # --- for services that want the history along --------------------------------------------

    def _context(
        self, messages: Sequence[Message], held: set[bytes], conversation: Conversation
    ) -> Sequence[Message]:
        """What the conversation holds; new system messages go with what is new."""
        prompt, endpoint, fold = self.prompt, self.prompt.endpoint, self.prompt.fold
        if not endpoint.context or not any(m.role != "system" for m in messages):
            return ()
        seen = [m for m in messages if m.role != "system" or self.digest(m) in held]
        ends = partial(ends_turn_of, conversation.conversation_id)
        return in_turns(seen, endpoint, fold, ends, prompt.answers)

    def _with_ids(
        self, messages: list[Message], first: int, conversation: Conversation
    ) -> list[Message]:
        """The messages with ids, which stay the same from turn to turn, if the service wants them.

        Args:
            messages: The caller's messages.
            first: The place in the conversation of the first of them that is no system message.
            conversation: Where they go.
        """
        prompt, places = self.prompt, self.prompt.places
        if not prompt.wants_ids:
            return messages
        older = (self.digest(messages[at]) for at in places[: self.before])
        ids = Ids(prompt.agent, self.digest, conversation, self._marks)
        return ids.named(messages, places, chain(older, each(self.mine)), first)

    def _marks(self) -> Iterator[Mark]:
        """The marks of the history, the newest first."""
        return filter(None, map(self._opened, self._shown()))

    def _named(self, messages: Sequence[Message], size: int) -> JsonObject:
        """The ids of what a plan asks, after so many messages, and of its instructions."""
        if not self.prompt.wants_ids:
            return {}
        asked = ids_of(messages, self.prompt.places[max(size, self.before) :])
        return {"ids": asked, "instructions": [m.id or "" for m in messages if m.role == "system"]}
