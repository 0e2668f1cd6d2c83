"""The plain clients: one class a service, without any framework."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from remote_agents.agent import Agent
from remote_agents.errors import ConfigurationError, UnsupportedContentError
from remote_agents.flow import Flow
from remote_agents.memory.sessions import Session, current_session
from remote_agents.resources import items
from remote_agents.resources.surface import Part
from remote_agents.services import ENDPOINTS, Endpoint
from remote_agents.services.bluenexus import memories as bluenexus_memories, resources as bluenexus
from remote_agents.services.cloudbase import resources as cloudbase
from remote_agents.services.maiagent import (
    conversations as maiagent,
    directory as maiagent_directory,
    files as maiagent_files,
    knowledge as maiagent_knowledge,
    records as maiagent_records,
)
from remote_agents.services.private_ai import (
    knowledge as private_ai_knowledge,
    resources as private_ai,
)
from remote_agents.types import Attachment, Citation, Event, Message, Origin, Reply

Prompt: TypeAlias = "str | Message | Reply | Mapping[str, Any] | Sequence[Any]"


class Client:
    """A remote agent as a plain Python object, sync and async.

    Takes the arguments of `remote_agents.agent.Agent`, and those that its service documents.

    Example:
        >>> agent = BlueNexus(api_key="...")  # doctest: +SKIP
        >>> agent.ask("What meetings do I have today?").text  # doctest: +SKIP
        'Here are your meetings for today: ...'
    """

    endpoint: ClassVar[Endpoint]

    def __init__(self, **settings: Any) -> None:
        self.agent = Agent(self.endpoint, **settings)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.agent.name!r})"

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def ask(self, prompt: Prompt, **call: Any) -> Reply:
        """Ask, and wait for the whole answer.

        Args:
            prompt: A text, a `Message`, a `{"role", "content"}` mapping, or a list of these and of
                earlier replies.
            **call: `conversation_id`, `session_id`, `memory`, `attachments`, and the service's own
                parameters for this turn.

        Returns:
            The reply.

        Raises:
            AgentError: See `remote_agents.errors`.
        """
        return self.agent.ask(*_turn(prompt, call), **call)

    async def aask(self, prompt: Prompt, **call: Any) -> Reply:
        """The same as `ask`, with asyncio."""
        return await self.agent.aask(*_turn(prompt, call), **call)

    def stream(self, prompt: Prompt, **call: Any) -> Iterator[Event]:
        """Ask, and iterate the events of the answer as they arrive; arguments as for `ask`.

        Yields:
            `TextDelta`, `ReasoningDelta`, `Citation`, `ToolCall`, `ToolResult`, `Usage`, `Unknown`,
            and last `Finish`, whose `reply` holds everything.
        """
        return self.agent.stream(*_turn(prompt, call), **call)

    def astream(self, prompt: Prompt, **call: Any) -> AsyncIterator[Event]:
        """The same as `stream`, with asyncio."""
        return self.agent.astream(*_turn(prompt, call), **call)

    def search(
        self, query: str, *, knowledge_base: str | None = None, top_k: int = 4, **options: Any
    ) -> Sequence[Citation]:
        """Search what the service holds, without asking a model.

        Args:
            query: What to look for.
            knowledge_base: Id of the knowledge base, where the service has them.
            top_k: The most passages.
            **options: What else the service's search takes.

        Returns:
            The passages, the best first.

        Raises:
            ConfigurationError: The service has no search of its own, or needs to be told where.
        """
        found: Sequence[Citation] = self.agent.call(
            self._search(query, knowledge_base, top_k, **options)
        )
        return found

    async def asearch(
        self, query: str, *, knowledge_base: str | None = None, top_k: int = 4, **options: Any
    ) -> Sequence[Citation]:
        """The same as `search`, with asyncio."""
        found: Sequence[Citation] = await self.agent.acall(
            self._search(query, knowledge_base, top_k, **options)
        )
        return found

    def _search(
        self, query: str, knowledge_base: str | None, top_k: int, **options: Any
    ) -> Flow[list[Citation]]:
        raise ConfigurationError(
            f"{self.endpoint.title} has no search of its own.", endpoint=self.endpoint.name
        )

    def session(self, session_id: str) -> Session | None:
        """What is remembered of a session, or None."""
        return self.agent.session(session_id)

    def forget(self, session_id: str) -> bool:
        """Forget a session; whether there was one."""
        return self.agent.forget(session_id)

    def close(self) -> None:
        """Give up the shared connections."""
        self.agent.close()

    async def aclose(self) -> None:
        """Give up the shared connections, those of this event loop too."""
        await self.agent.aclose()


def _turn(prompt: Prompt, call: dict[str, Any]) -> tuple[list[Message]]:
    """The messages of a prompt; takes from `call` what belongs to them or to the moment."""
    messages = as_messages(prompt)
    if attachments := call.pop("attachments", None):
        if not isinstance(attachments, (list, tuple)):
            raise UnsupportedContentError(
                f"attachments is a list of Attachment, not {type(attachments).__name__}."
            )
        last = messages[-1]
        messages[-1] = Message(
            last.role, last.content, [*last.attachments, *map(_file, attachments)]
        )
    if call.get("session_id") is None and (session_id := current_session()):
        call["session_id"] = session_id
    return (messages,)


def _file(item: Any) -> Any:
    """A file for a message; one that MaiAgent holds already goes by its id."""
    if isinstance(item, items.Attachment):
        kind: Any = item.type if item.type in ("image", "audio") else "file"
        return Attachment(kind, file_id=item.id, url=item.file, filename=item.filename)
    return item


def as_messages(prompt: Prompt) -> list[Message]:
    """A prompt in any of its forms as messages.

    Raises:
        UnsupportedContentError: Names what cannot be read as a message.

    Example:
        >>> as_messages(["Hi", {"role": "assistant", "content": "Hello!"}])[1].role
        'assistant'
    """
    if isinstance(prompt, (str, Message, Reply, Mapping)) or not isinstance(prompt, Iterable):
        return [_as_message(prompt)]
    return [_as_message(item) for item in prompt]


def _as_message(item: Any) -> Message:
    if isinstance(item, Message):
        return item
    if isinstance(item, str):
        return Message("user", item)
    if isinstance(item, Reply):
        return Message("assistant", item.text, origin=origin_of(item))
    if isinstance(item, Mapping) and isinstance(item.get("content"), str):
        files = [
            Attachment(**f) if isinstance(f, Mapping) else f for f in item.get("attachments", ())
        ]
        return Message(item.get("role", "user"), item["content"], files)
    raise UnsupportedContentError(
        "A message is a text, a Message, a Reply or {'role', 'content'}, "
        f"not {type(item).__name__}."
    )


def origin_of(reply: Reply) -> Origin | None:
    """Where a reply belongs, to be put on the message that repeats it."""
    return Origin.of(reply.metadata())


class CloudBase(Client, cloudbase.Questions):
    """A Tencent CloudBase agent, native protocol; see `docs/services/cloudbase.md`."""

    endpoint = ENDPOINTS["cloudbase"]
    agents = Part(cloudbase.Agents)
    conversations = Part(cloudbase.Conversations)
    feedback = Part(cloudbase.Feedbacks)
    messages = Part(cloudbase.Messages)
    records = Part(cloudbase.Records)


class CloudBaseOpenAI(Client):
    """A Tencent CloudBase agent, OpenAI protocol; see `docs/services/cloudbase_openai.md`."""

    endpoint = ENDPOINTS["cloudbase_openai"]
    agents = Part(cloudbase.Agents)


class PrivateAI(private_ai_knowledge.Searching, Client):
    """A VMware Private AI Service agent; see `docs/services/private_ai.md`."""

    endpoint = ENDPOINTS["private_ai"]
    agents = Part(private_ai.Agents)
    indexes = Part(private_ai_knowledge.Indexes)
    knowledge_bases = Part(private_ai_knowledge.KnowledgeBases)
    models = Part(private_ai.Models)


class BlueNexus(bluenexus_memories.Searching, Client):
    """A BlueNexus agent; see `docs/services/bluenexus.md`."""

    endpoint = ENDPOINTS["bluenexus"]
    agents = Part(bluenexus.Agents)
    conversations = Part(bluenexus.Conversations)
    memories = Part(bluenexus_memories.Memories)
    messages = Part(bluenexus.Messages)


class MaiAgent(maiagent_knowledge.Searching, Client):
    """A MaiAgent chatbot; see `docs/services/maiagent.md`."""

    endpoint = ENDPOINTS["maiagent"]
    attachments = Part(maiagent_files.Attachments)
    chatbots = Part(maiagent_directory.Chatbots)
    contacts = Part(maiagent_directory.Contacts)
    conversations = Part(maiagent.Conversations)
    inboxes = Part(maiagent_directory.Inboxes)
    knowledge_bases = Part(maiagent_knowledge.KnowledgeBases)
    messages = Part(maiagent.Messages)
    records = Part(maiagent_records.Records)
    web_chats = Part(maiagent_directory.WebChats)


def client_of(agent: Agent) -> Client:
    """The plain client of an agent that is configured already."""
    kinds = (kind for kind in Client.__subclasses__() if kind.endpoint.name == agent.endpoint.name)
    client = object.__new__(next(kinds))
    client.agent = agent
    return client
