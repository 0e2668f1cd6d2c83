"""What is noted of a turn of a dialogue: in the store, and on its reply."""

from __future__ import annotations

from dataclasses import dataclass

from remote_agents.flow import Flow
from remote_agents.memory.history_matching import Conversation
from remote_agents.memory.lease import Lease
from remote_agents.memory.plan import Plan
from remote_agents.memory.standing import Standing
from remote_agents.turns.memory_warnings import warn_of_moved_conversation
from remote_agents.types import Message, Reply


@dataclass(slots=True)
class Note:
    """A turn under way, from its plan to how its conversation stands afterwards."""

    lease: Lease
    standing: Standing
    plan: Plan

    def posted(self, reply: Reply) -> None:
        """The request goes out: should the turn break off, its question has been asked."""
        plan = self.plan
        reply.memory, reply.memory_reason, reply.differs = plan.memory, plan.reason, plan.differs
        reply.conversation_id = reply.conversation_id or plan.conversation_id
        if not self._chained:  # else what broke off is no part of the conversation
            self.lease.broken = lambda: (
                plan.outcome(reply.conversation_id, b"") if reply.conversation_id else None
            )

    @property
    def _chained(self) -> bool:
        return self.standing.prompt.endpoint.chains

    def refused(self) -> None:
        """The turn did not run, and leaves no trace."""
        self.lease.broken = lambda: None

    def answered(self, reply: Reply) -> Flow[None]:
        """The answer is whole: mark it, and note where the conversation stands."""
        conversation, name, before = None, reply.conversation_id, self.plan.conversation_id
        if name is None:
            reply.memory = reply.memory_reason = reply.differs = None
        elif not self._chained or name != before:  # else it is no part of what goes on there
            if not self._chained and before not in (None, name):
                reply.memory, reply.memory_reason = "new", "moved"
                warn_of_moved_conversation(self.plan, self.standing, name)
            conversation = self._marked(reply, name)
        yield from self.lease.settle(conversation)

    def _marked(self, reply: Reply, name: str) -> Conversation:
        """How the conversation stands with this answer, which is marked."""
        said = Message("assistant", reply.text, tool_calls=reply.tool_calls)
        answer = self.standing.digest(said)
        waits = tuple((each.id, each.answered_by) for each in reply.interrupts if each.id)
        conversation = self.plan.outcome(name, answer, reply.reply_id, waits, chained=self._chained)
        reply.conversation = self.standing.mark(self.plan, conversation, answer)
        return conversation
