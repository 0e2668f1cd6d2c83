"""A caller's messages, looked at once, and the ways to send them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from operator import attrgetter

from remote_agents.errors import UnsupportedContentError
from remote_agents.memory.folding import adapt_messages, fold_messages
from remote_agents.memory.marks import Mark, Sealer
from remote_agents.memory.plan import Plan
from remote_agents.service import Endpoint
from remote_agents.types import Attachment, Fold, Message

_ROLE = attrgetter("role")


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
        UnsupportedContentError: There is none, or what is attached to one is no `Attachment`.
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
        # Frameworks send an instruction that says nothing where an application gave them none.
        self.messages = [
            _with_encrypted_values(_with_checked_files(each, endpoint), agent)
            for each in messages
            if each.role != "system" or each.content.strip() or each.attachments
        ]
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
        self.bare = "assistant" not in map(_ROLE, self.messages)

    def alone(self) -> Plan:
        """Everything, to no conversation."""
        return Plan(self.shaped(self.messages, one=False), bare=self.bare)

    def shaped(self, messages: Sequence[Message], *, one: bool) -> list[Message]:
        """Messages of this prompt as the endpoint takes them, to a conversation or to none."""
        answers = self.answers(messages[-1])
        return adapt_messages(messages, self.endpoint, self.fold, one=one, answers=answers)

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


def _with_encrypted_values(message: Message, agent: str) -> Message:
    """The message whose calls bring back what this agent's model gave with them, and no other's."""
    origin = message.origin
    if not (origin and (message.tool_calls or origin.thoughts)):
        return message
    if origin.agent != agent:
        origin = replace(origin, encrypted_values={}, thoughts=())
    values = origin.encrypted_values
    calls = [replace(each, encrypted_value=values.get(each.id)) for each in message.tool_calls]
    return replace(message, origin=origin, tool_calls=calls)


def _with_checked_files(message: Message, endpoint: Endpoint) -> Message:
    """The message with files made anew, which checks what their owner has put into them since."""
    given = message.attachments
    if not isinstance(given, Sequence):
        raise UnsupportedContentError(
            f"attachments is a list of Attachment, not {type(given).__name__}.",
            endpoint=endpoint.name,
        )
    for file in given:
        if not isinstance(file, Attachment):
            raise UnsupportedContentError(
                f"attachments is a list of Attachment, not of {type(file).__name__}.",
                endpoint=endpoint.name,
            )
    return replace(message, attachments=[replace(file) for file in given]) if given else message
