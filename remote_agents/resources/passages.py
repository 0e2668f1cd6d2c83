"""Past questions and answers as texts to be searched, the same from every service that keeps them.

What the frameworks' loaders and readers make documents of. Ids are stable: loading again gives the
same ones, so that an index is updated instead of filled twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Emit, Flow
from remote_agents.json_types import JsonObject
from remote_agents.resources.dates import Day, open_range
from remote_agents.resources.emitted import for_each_item
from remote_agents.resources.items import Conversation, Message, Record
from remote_agents.resources.methods import HasAgent


@dataclass(slots=True)
class Passage:
    """A question with its answer.

    Args:
        id: The same each time, and no other passage's.
        text: Question and answer.
        metadata: `source` (a stable address of its own), `agent`, `conversation_id`, `record_id`,
            `question`, `created_at` (ISO 8601), `title`: texts, each where it is known.
    """

    id: str
    text: str
    metadata: JsonObject = field(default_factory=dict)


def passages(
    client: HasAgent,
    *,
    start: Day | None = None,
    end: Day | None = None,
    user_message: str | None = None,
    bot_message: str | None = None,
) -> Flow[Passage]:
    """Every question and answer of some days, as a flow that emits `Passage`.

    Args:
        client: A plain client of a service that lists its conversations.
        start: First day; some services require it.
        end: Last day; some services require it.
        user_message: Only those whose question contains this.
        bot_message: Only those whose answer contains this.

    Raises:
        ConfigurationError: The service lists no conversations, or the days cannot be.
    """
    kept = getattr(getattr(client, "records", None), "_passages", None)
    if kept is not None:  # the service has them in one list
        found: Flow[Passage] = kept(start, end, user_message, bot_message)
        return found
    days = open_range(start, end)
    wanted = _Wanted(*days, user_message or "", bot_message or "")
    conversations = resource_of(client, "conversations")
    return for_each_item(
        conversations._list(page_size=100), lambda one: _conversation(client, one, wanted)
    )


def conversation_passages(
    client: HasAgent,
    conversation_id: str,
    *,
    user_message: str | None = None,
    bot_message: str | None = None,
) -> Flow[Passage]:
    """The questions and answers of one conversation; arguments as for `passages`."""
    wanted = _Wanted(None, None, user_message or "", bot_message or "")
    return _conversation(client, Conversation({"id": conversation_id}), wanted)


def resource_of(client: HasAgent, name: str) -> Any:
    """A resource of a client.

    Raises:
        ConfigurationError: Its service has none, or it is no plain client.
    """
    check_plain(client)
    found = getattr(client, name, None)
    if found is None:
        title = client.agent.endpoint.title
        raise ConfigurationError(
            f"{title} has no API to list its {name}.",
            endpoint=client.agent.endpoint.name,
        )
    return found


def check_plain(client: object) -> None:
    """Refuse what is no plain client, such as a framework's model, which has one."""
    if hasattr(client, "client") or not hasattr(client, "agent"):
        kind = type(client)
        raise ConfigurationError(
            "A plain client of remote_agents is wanted here, not "
            f"{kind.__module__.partition('.')[0]}.{kind.__name__}; that of a model is its `client`."
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What belongs to the passages that are asked for."""

    first: str | None
    last: str | None
    question: str
    answer: str

    def includes(self, day: datetime | None, question: str, answer: str) -> bool:
        text = day.date().isoformat() if day else ""
        early = self.first is not None and text < self.first
        late = self.last is not None and (not text or text > self.last)
        return not early and not late and self.question in question and self.answer in answer


def history_of(client: HasAgent, conversation_id: str) -> Flow[Sequence[Message]]:
    """The messages of a conversation as its service lists them, as a flow.

    Raises:
        ConfigurationError: The service lists none, or it is no plain client.
    """
    messages: Flow[Sequence[Message]] = resource_of(client, "messages")._history(conversation_id)
    return messages


def _emit(found: list[Passage]) -> Flow[None]:
    yield Emit(found)


def _conversation(client: HasAgent, conversation: Conversation, wanted: _Wanted) -> Flow[Any]:
    """The passages of a conversation, which is not asked for when it ended too early."""
    used = conversation.updated_at
    if used and wanted.first is not None and used.date().isoformat() < wanted.first:
        return
    messages = yield from history_of(client, conversation.id)
    found = [
        _of_exchange(client, conversation, number, question, answer)
        for number, (question, answer) in enumerate(exchanges(messages), 1)
        if wanted.includes(question.created_at, question.content, answer.content)
    ]
    yield Emit(found)


def exchanges(messages: Sequence[Message]) -> list[tuple[Message, Message]]:
    """The pairs of question and answer of a conversation; what has no partner has an empty one."""
    pairs: list[tuple[Message, Message]] = []
    waiting: Message | None = None
    for message in messages:
        if message.role == "assistant":
            pairs.append((waiting or Message({}), message))
            waiting = None
        elif message.role == "user":
            if waiting is not None:
                pairs.append((waiting, Message({})))
            waiting = message
    return pairs if waiting is None else [*pairs, (waiting, Message({}))]


def of_record(client: HasAgent, record: Record) -> Passage:
    """The passage of a record, which holds a question with its answer."""
    return _passage(
        client,
        key=record.id or f"{record.created_at}",
        question=record.input_message,
        answer=record.output_message,
        conversation_id=record.conversation_id,
        record_id=record.id,
        created_at=record.created_at,
    )


def _of_exchange(
    client: HasAgent, conversation: Conversation, number: int, question: Message, answer: Message
) -> Passage:
    # The answer's id is a record's; where there are none, the place does not change.
    return _passage(
        client,
        key=answer.id or f"{conversation.id}:{question.id or number}",
        question=question.content,
        answer=answer.content,
        conversation_id=conversation.id,
        record_id=answer.id,
        created_at=question.created_at or answer.created_at,
        title=conversation.title,
    )


def _passage(
    client: HasAgent,
    *,
    key: str,
    question: str,
    answer: str,
    created_at: datetime | None,
    **about: str,
) -> Passage:
    agent = client.agent
    parts = (("Question", question), ("Answer", answer))
    text = "\n\n".join(f"{name}: {said}" for name, said in parts if said)
    metadata = {
        "source": f"{agent.name}/{key}",
        "agent": agent.name,
        "question": question[:200],
        "created_at": created_at.isoformat() if created_at else "",
        **about,
    }
    known = {name: value for name, value in metadata.items() if value}
    return Passage(f"{agent.endpoint.name}:{key}", text, known)
