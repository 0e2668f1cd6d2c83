"""A prompt in its dialogue: which messages are new, and which conversation they belong to. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain

from remote_agents.errors import UnsupportedContentError
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.memory.dialogue import Dialogue
from remote_agents.memory.digests import SIZE, Digest, digest_for, each
from remote_agents.memory.folding import in_turns
from remote_agents.memory.history_matching import (
    KEPT,
    Conversation,
    first_difference,
    match_history,
)
from remote_agents.memory.ids import Ids, ends_turn_of, ids_of
from remote_agents.memory.marks import Mark, Sealer, candidates
from remote_agents.memory.plan import Plan, Reason
from remote_agents.memory.prompt import Prompt
from remote_agents.types import Message


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
    places: Sequence[int] = field(init=False)  # of all messages but system messages
    digest: Digest = field(init=False)
    mine: bytes = field(init=False)
    before: int = field(init=False)
    system: bytes = field(init=False)
    records: Sequence[Conversation] = ()
    known: Sequence[Conversation] = ()
    why_left: Reason | None = None  # a conversation that the history goes on in

    def __post_init__(self) -> None:
        messages = self.prompt.messages
        self.places = places = [at for at, each in enumerate(messages) if each.role != "system"]
        self.before = max(0, len(places) - KEPT)
        mine = [messages[at] for at in places[self.before :]]
        system = [message for message in messages if message.role == "system"]
        self.digest = digest_for(self.account, self.dialogue.shown)
        self.mine = b"".join(map(self.digest, mine))
        self.system = b"".join(map(self.digest, system))

    # --- what goes on ------------------------------------------------------------------------

    def learn(self, records: Sequence[Conversation]) -> None:
        """Take what a store knows of the dialogue, the latest used first, and what marks say."""
        self.records = [record for record in records if record.conversation_id]
        self.known = self.records
        if shown := list(self._shown()):
            chains = self.prompt.endpoint.chains
            self.known = candidates(shown, self.records, self._opened, chained=chains)

    def continued(self) -> Plan | None:
        """What is new to the conversation that the history goes on in; None if there is none."""
        self.why_left = None
        if not self.known:
            return None
        size, found = self._match()
        if found is None:
            return None
        at = self.places[self.before + size - 1]
        if len(self.system) < len(found.system):
            self.why_left = "instruction_dropped"
        elif not self._asks_after(at):
            self.why_left = "nothing_asked"
        else:
            return self.sent_after(at, found, "history")
        return None

    def _match(self) -> tuple[int, Conversation | None]:
        """The conversation that the history goes on in, first of those with its instructions.

        Several roles may share a dialogue, and the latest of them holds the most of it.
        """
        told = set(each(self.system))
        alike = [known for known in self.known if set(each(known.system)) == told]
        size, found = match_history(self.mine, alike, self._is_newest, self.before)
        if found or len(alike) == len(self.known):
            return size, found
        return match_history(self.mine, self.known, self._is_newest, self.before)

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
        """Whether the conversation may end with the message at this place.

        It does not if that is an answer whose mark names another turn, or another conversation,
        or if one of its answers follows: it would be told of its own turns again.
        """
        messages, places = self.prompt.messages, self.places
        ends, at = partial(ends_turn_of, conversation.conversation_id), self.before + size
        origin = messages[places[at - 1]].origin
        if origin and origin.mark and (mark := self._opened(origin.mark)):
            newest = (conversation.conversation_id, conversation.turns)
            if (mark.conversation_id, mark.turn) != newest:
                return False
        if any(ends(messages[place]) for place in reversed(places[at:])):
            return False
        return not self._runs_along(size, conversation)

    def _runs_along(self, size: int, conversation: Conversation) -> bool:
        """Whether the conversation holds more of this beginning, from an earlier place on.

        Where answers are alike, a history that differs later seems to begin with the newest one.
        """
        messages, places = self.prompt.messages, self.places
        told = range(self.before + size, len(places))
        replies = (at for at in told if messages[places[at]].role == "assistant")
        if (reply := next(replies, None)) is None:
            return False
        run = self.mine[: (reply + 1 - self.before) * SIZE]
        at = conversation.held.find(run)
        while at % SIZE and at > 0:  # inside of a digest
            at = conversation.held.find(run, at + 1)
        return at >= 0

    # --- plans -------------------------------------------------------------------------------

    def anew(self, reason: Reason | None = None) -> Plan:
        """Everything, to a new conversation; the reason, if it is not what was found so far."""
        prompt, newest = self.prompt, self.known[0] if self.known else None
        if prompt.bare:
            newest = None
        messages = self._with_ids(prompt.messages, 0, Conversation(""))
        return Plan(
            prompt.shaped(messages, one=not prompt.endpoint.context),
            keep=True,
            memory="replayed" if newest else "new",
            reason=reason or self._why_anew(),
            differs=self._differs(newest) if newest else None,
            asked=self.mine,
            older=self.before,
            system=self.system,
            bare=prompt.bare,
            **self._named(messages, 0),
        )

    def _why_anew(self) -> Reason:
        """Why no conversation goes on."""
        if self.why_left:
            return self.why_left
        if not self.prompt.bare:
            if not self.known:
                return "unknown_history"
            return "lapsed" if self.known[0].lapsed else "history_differs"
        if not self.records:
            return "nothing_named" if self.dialogue.kind == "nonce" else "first_turn"
        return "prompt_alone" if self.dialogue.kind == "thread" else "cleared"

    def _differs(self, conversation: Conversation) -> tuple[int, str]:
        at = self.places[self.before + first_difference(self.mine, conversation)]
        return at, self.prompt.messages[at].role

    def next_of_session(self) -> Plan:
        """A prompt without a history: it goes to the latest conversation, unless that is cleared.

        If the session's last call brought a history, there is none any more.
        """
        latest = self.records[0] if self.records else None
        if plan := self.continued():
            return plan
        if latest is None or latest.history:
            return self.anew()
        return self.following(latest.conversation_id, "session")

    def latest(self) -> Plan:
        """What stands after the newest reply, to the session's latest conversation."""
        if not self.records:
            return self.anew()
        newest = self.records[0]
        plan = self.following(newest.conversation_id, "session")
        size, _ = match_history(self.mine, [newest], self._is_newest, self.before)
        if plan.history and self.mine[size * SIZE :] != plan.asked:
            plan.moved_on, known = True, {*newest.ids, *newest.instructions}
            if self.prompt.wants_ids:  # what it does not know is of a dialogue before this one
                plan.history = [message for message in plan.history if message.id in known]
        return plan

    def has_had(self, conversation_id: str) -> bool:
        """Whether the conversation is known to be of this dialogue, by the store or by a mark."""
        known = {record.conversation_id for record in self.records}
        return conversation_id in known | {mark.conversation_id for mark in self._marks()}

    def resumed(self, conversation_id: str) -> Plan:
        """No message: the conversation goes on with a run that waits."""
        known = [found for found in self.known if found.conversation_id == conversation_id]
        conversation = known[0] if known else Conversation(conversation_id)
        first, held = conversation.count - len(self.places), set(each(conversation.system))
        messages = self._with_ids(self.prompt.messages, first, conversation)
        return Plan(
            [],
            history=self._context(messages, held, conversation),
            conversation=conversation,
            memory="continued",
            reason="resume",
            system=self.system or conversation.system,
            bare=not conversation.history,  # the message that waits is no history that it brings
            **self._named((), len(self.places)),
        )

    def following(self, conversation_id: str, reason: Reason = "conversation_id") -> Plan:
        """What stands after the newest message of a conversation that the caller names."""
        known = [record for record in self.records if record.conversation_id == conversation_id]
        named = known
        if reason == "conversation_id":  # the caller vouches for what was said before
            named = [replace(record, known=len(self.places)) for record in known]
        size, found = match_history(self.mine, named, self._is_newest, self.before)
        if found:
            return self.sent_after(self.places[self.before + size - 1], known[0], reason)
        at, conversation = self._newest_of(conversation_id)
        if at < 0:  # nothing is known of it: the history is taken for all that it holds
            at = self.prompt.newest_own()
            count = bisect_right(self.places, at)
            conversation = Conversation(conversation_id, count=count)
        return self.sent_after(at, known[0] if known else conversation, reason)

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

    def sent_after(self, at: int, conversation: Conversation, reason: Reason) -> Plan:
        """What stands after a message, and system messages that the last turn did not hold."""
        prompt, held = self.prompt, set(each(conversation.system))
        size = bisect_right(self.places, at)
        at = self._heard(at, size, conversation)
        first = conversation.count - size
        messages = self._with_ids(prompt.messages, first, conversation)
        new = [
            message
            for index, message in enumerate(messages)
            if (self.digest(message) not in held if message.role == "system" else index > at)
        ]
        if bisect_right(self.places, at) == len(self.places):
            raise UnsupportedContentError(
                "There is no new message: the history ends with the agent's own reply."
            )
        return Plan(
            prompt.shaped(new, one=True),
            history=self._context(messages[: at + 1], held, conversation),
            conversation=conversation,
            memory="continued",
            reason=reason,
            asked=self.mine[max(0, size - self.before) * SIZE :],
            older=max(0, self.before - size),
            system=self.system,
            bare=prompt.bare or not (conversation.history or _asks(new)),
            **self._named(messages, size),
        )

    def _heard(self, at: int, size: int, conversation: Conversation) -> int:
        """This place, or that of the answer next to it if it is known to stand there too.

        It does if the turn broke off, and the answer was read from the conversation since.
        """
        if not conversation.broke_off or size >= len(self.places):
            return at
        origin = self.prompt.messages[self.places[size]].origin
        if origin is None or origin.mark or origin.agent != self.prompt.agent:
            return at
        of_it = origin.conversation_id == conversation.conversation_id
        return self.places[size] if of_it else at

    def has_all_of(self, plan: Plan) -> bool:
        """Whether the call brings all that the conversation is known to hold.

        It may without an answer, which broke off; nothing is known of one that is only named.
        """
        new = plan.older + len(plan.asked) // SIZE
        held = plan.conversation.count if plan.conversation else 0
        return plan.reason == "history" and len(self.places) - new >= held

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
                plan.conversation_id if self.prompt.endpoint.chains else None,
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
        seen, left = list[Message](), set(held)
        for message in messages:
            if message.role == "system":
                if (said := self.digest(message)) not in left:
                    continue
                left.remove(said)  # one that stands before each question was sent with the first
            seen.append(message)
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
        prompt, places = self.prompt, self.places
        if not prompt.wants_ids:
            return messages
        older = (self.digest(messages[at]) for at in places[: self.before])
        ids = Ids(prompt.agent, self.digest, digest_for(self.account), conversation, self._marks)
        return ids.named(messages, places, chain(older, each(self.mine)), first)

    def _marks(self) -> Iterator[Mark]:
        """The marks of the history, the newest first."""
        return filter(None, map(self._opened, self._shown()))

    def _named(self, messages: Sequence[Message], size: int) -> JsonObject:
        """The ids of what a plan asks, after so many messages, and of its instructions."""
        if not self.prompt.wants_ids:
            return {}
        asked = ids_of(messages, self.places[max(size, self.before) :])
        return {"ids": asked, "instructions": [m.id or "" for m in messages if m.role == "system"]}


def _asks(new: Sequence[Message]) -> bool:
    """Whether there is a question; the results of an agent's calls go on with the one before."""
    return any(message.role == "user" for message in new)
