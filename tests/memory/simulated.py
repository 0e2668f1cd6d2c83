"""A service that remembers exactly what it was sent, and callers of it, without a network."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from remote_agents import ENDPOINTS, InMemorySessionStore, Message
from remote_agents.memory.dialogue import Dialogue, dialogue_of
from remote_agents.memory.marks import Sealer
from remote_agents.memory.plan import Plan
from remote_agents.memory.prompt import Prompt
from remote_agents.memory.standing import Standing
from remote_agents.service import Endpoint
from remote_agents.types import Origin

AGENT = "bluenexus:default@host"
Said = list[tuple[str, str]]
_holders = itertools.count()


class Service:
    """Conversations by id, each the roles and texts that it was sent and that it answered."""

    def __init__(self) -> None:
        self.held: dict[str, Said] = {}
        self._numbers = itertools.count()

    def post(self, conversation: str | None, said: Said, answer: str | None) -> str:
        """One turn; without an answer it breaks off."""
        if conversation is None:
            conversation = f"c{next(self._numbers)}"
        held = self.held.setdefault(conversation, [])
        held += said
        if answer is not None:
            held.append(("assistant", answer))
        return conversation


class Caller:
    """A new process at each turn: it knows the history, and the store if there is one."""

    def __init__(
        self,
        service: Service,
        store: InMemorySessionStore | None,
        *,
        endpoint: Endpoint = ENDPOINTS["bluenexus"],
        account: str = "account",
        key: bytes = b"secret",
    ) -> None:
        self.service = service
        self.store = store
        self.endpoint = endpoint
        self.account = account
        self.sealer = Sealer(key, account, AGENT)

    def dialogue(self, thread: str) -> Dialogue:
        return dialogue_of("thread", {"thread_id": thread}, self.account, AGENT)

    def plan(self, thread: str, messages: Sequence[Message]) -> tuple[Standing, Plan]:
        """What a turn would send."""
        dialogue = self.dialogue(thread)
        prompt = Prompt(messages, self.endpoint, AGENT)
        standing = Standing(prompt, dialogue, self.sealer, self.account)
        standing.learn(self.store.read(dialogue.key) if self.store else ())
        return standing, standing.continued() or standing.anew()

    def ask(
        self,
        thread: str,
        messages: Sequence[Message],
        answer: str | None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> tuple[str, Message | None]:
        """A turn; the conversation it went to, and its reply, if it did not break off.

        `meanwhile` is called while it is under way.
        """
        standing, plan = self.plan(thread, messages)
        key, holder = standing.dialogue.key, f"h{next(_holders)}"
        if self.store and not self.store.begin(key, holder, plan.conversation):
            plan = standing.anew()
            assert self.store.begin(key, holder, None)
        meanwhile()
        known = len(plan.asked) // 6
        dialogue = [m for m in messages if m.role != "system"]
        new = dialogue[len(dialogue) - known :] if known else []
        said = [(m.role, m.content) for m in new]
        conversation = self.service.post(plan.conversation_id, said, answer)
        digest = b"" if answer is None else standing.digest(Message("assistant", answer))
        outcome = plan.outcome(conversation, digest)
        if self.store:
            assert self.store.finish(key, holder, outcome)
        if answer is None:
            return conversation, None
        mark = standing.mark(plan, outcome, digest)
        return conversation, reply(answer, mark)


def reply(text: str, mark: dict[str, Any] | None = None, agent: str = AGENT) -> Message:
    """An assistant message as a framework gives it back."""
    return Message("assistant", text, origin=Origin(agent, mark=mark) if mark else None)


def user(text: str) -> Message:
    return Message("user", text)
