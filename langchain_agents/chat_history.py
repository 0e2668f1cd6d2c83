"""A conversation that the service keeps, as a LangChain chat message history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from remote_agents.client import Client
from remote_agents.errors import ConversationError, ConversationNotFoundError, NotFoundError
from remote_agents.flow import Flow
from remote_agents.json_types import JsonObject
from remote_agents.resources.items import Message
from remote_agents.resources.passages import history_of, resource_of
from remote_agents.types import Message as Said, Origin, Role


class RemoteChatMessageHistory(BaseChatMessageHistory):
    """The messages of a conversation, read from the service that keeps it.

    The service writes the history itself whenever the agent is asked, so nothing is written from
    here: a turn that is added after the agent answered it is known already. A question that is
    added before the agent is asked waits here until the service has it. The messages carry the id
    of their conversation, so a model of the same agent continues it.

    Args:
        client: A plain client: `remote_agents.MaiAgent`, `CloudBase` or `BlueNexus`.
        conversation_id: The conversation; without one, that of the first reply that is added.

    Example:
        >>> history = RemoteChatMessageHistory(client, conversation_id="conv-1")  # doctest: +SKIP
        >>> history.messages[-1].content  # doctest: +SKIP
        'You get 25 vacation days.'
    """

    def __init__(self, client: Client, conversation_id: str | None = None) -> None:
        resource_of(client, "messages")
        self.client = client
        self.conversation_id = conversation_id
        self._waiting: list[tuple[BaseMessage, int]] = []  # each with `_asked` when it was added
        self._asked = 0  # questions that the conversation held when it was last read

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # LangChain says to
        """The conversation so far, oldest first, and what waits to be asked.

        Raises:
            ConversationNotFoundError: The service does not have it.
        """
        return self.client.agent.call(self._read())

    async def aget_messages(self) -> list[BaseMessage]:
        """The same as `messages`, with asyncio."""
        return await self.client.agent.acall(self._read())

    def _read(self) -> Flow[list[BaseMessage]]:
        found: Sequence[Message] = ()
        if self.conversation_id is not None:
            with self._asking():
                found = yield from history_of(self.client, self.conversation_id)
        said = [Said(_ROLES.get(message.role, "user"), message.content) for message in found]
        marks = yield from self.client.agent.marking(self.conversation_id or "", said)
        self._forget_asked(found)
        joined = [self._message(*each) for each in zip(found, marks, strict=True)]
        return [*joined, *(message for message, _ in self._waiting)]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Take note of messages; see the class for what happens to them.

        Raises:
            ConversationError: An assistant message that this conversation does not hold.
        """
        if foreign := self._note(messages):
            self.client.agent.call(self._compare(foreign))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """The same as `add_messages`, with asyncio."""
        if foreign := self._note(messages):
            await self.client.agent.acall(self._compare(foreign))

    def clear(self) -> None:
        """Delete the conversation, where the service can, and begin with an empty one."""
        conversations = resource_of(self.client, "conversations")
        if self.conversation_id is not None and hasattr(conversations, "delete"):
            with suppress(NotFoundError):  # gone already
                conversations.delete(self.conversation_id)
        self.conversation_id, self._waiting, self._asked = None, [], 0

    async def aclear(self) -> None:
        """The same as `clear`, with asyncio."""
        conversations = resource_of(self.client, "conversations")
        if self.conversation_id is not None and hasattr(conversations, "adelete"):
            with suppress(NotFoundError):
                await conversations.adelete(self.conversation_id)
        self.conversation_id, self._waiting, self._asked = None, [], 0

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except NotFoundError as error:
            title = self.client.agent.endpoint.title
            raise ConversationNotFoundError(
                f"{title} has no conversation {self.conversation_id}, or keeps it no longer: check "
                "conversation_id, or pass none to begin with an empty history.",
                endpoint=error.endpoint,
                conversation_id=self.conversation_id,
                request_id=error.request_id,
            ) from error

    def _note(self, messages: Sequence[BaseMessage]) -> list[AIMessage]:
        """Keep what waits; gives the replies of which nothing says where they belong."""
        foreign: list[AIMessage] = []
        for message in messages:
            if not isinstance(message, AIMessage):
                self._waiting.append((message, self._asked))
            elif self._is_ours(message):
                self._waiting.clear()
            else:
                foreign.append(message)
        return foreign

    def _is_ours(self, message: AIMessage) -> bool:
        origin = Origin.of(message.response_metadata)
        if origin is None or origin.agent != self.client.agent.name:
            return False
        self.conversation_id = self.conversation_id or origin.conversation_id
        return origin.conversation_id == self.conversation_id

    def _id(self, foreign: Sequence[AIMessage]) -> str:
        if self.conversation_id is None:
            raise _not_held(foreign[0], "there is no conversation yet")
        return self.conversation_id

    def _compare(self, foreign: Sequence[AIMessage]) -> Flow[None]:
        """Look whether the conversation holds these replies."""
        with self._asking():
            found = yield from history_of(self.client, self._id(foreign))
        held = {message.content for message in found if message.role == "assistant"}
        for message in foreign:
            if message.text not in held:
                raise _not_held(message, f"conversation {self.conversation_id} does not hold it")
        self._waiting.clear()

    def _forget_asked(self, found: Sequence[Message]) -> None:
        """Drop what waited to be asked and has been since it was added."""
        asked = [message.content for message in found if message.role == "user"]
        while self._waiting and self._waiting[0][0].text in asked[self._waiting[0][1] :]:
            self._waiting.pop(0)
        self._asked = len(asked)

    def _message(self, message: Message, mark: JsonObject | None) -> BaseMessage:
        about: JsonObject = {"id": message.id or None}
        if message.created_at:
            about["additional_kwargs"] = {"created_at": message.created_at.isoformat()}
        if message.role == "system":
            return SystemMessage(message.content, **about)
        if message.role != "assistant":
            return HumanMessage(message.content, **about)
        origin = {
            "conversation_id": self.conversation_id,
            "agent": self.client.agent.name,
            "model_provider": self.client.agent.endpoint.name,
            "conversation": mark,
        }
        return AIMessage(message.content, response_metadata=origin, **about)


_ROLES: dict[str, Role] = {"system": "system", "assistant": "assistant"}


def _not_held(message: AIMessage, why: str) -> ConversationError:
    return ConversationError(
        f"The reply {message.text[:60]!r} cannot be added: {why}, and the service writes its "
        "conversations itself. Ask the agent with conversation_id= instead."
    )
