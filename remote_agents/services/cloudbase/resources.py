"""Tencent CloudBase beside the chat: conversations, records, feedback, questions, agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Call, Emit, Flow, Request, Stream
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.resources.answers import answer_of
from remote_agents.resources.dates import Day, open_seconds
from remote_agents.resources.emitted import collect_items, intercepted
from remote_agents.resources.items import AgentInfo, Conversation, Message
from remote_agents.resources.methods import HasAgent, Resource, calls, lists, streams
from remote_agents.resources.order import chronological
from remote_agents.resources.paging import Paging, pages
from remote_agents.resources.requests import get_item, known_id, path_segment, post_item
from remote_agents.services.cloudbase.chat import decode
from remote_agents.services.cloudbase.items import Feedback
from remote_agents.turns.clock import Exchange
from remote_agents.turns.operations import expand
from remote_agents.turns.terms import Terms
from remote_agents.types import Finish, TextDelta

ROOT = "/v1/aibot/bots"
# Tencent's server template takes `offset` for the number of the page, so that an honest offset
# leads far behind the end; then pages are asked for by their number.
OFFSET = Paging(
    "limit",
    (("offset", "count"), ("offset", "index")),
    lists=("data", "conversationList", "conversations", "list"),
    ids=("id", "conversationId", "_id"),
)
NUMBERED = Paging(
    "pageSize",
    (("pageNumber", "number"),),
    lists=("data", "recordList", "feedbackList", "botList", "bots", "list"),
    ids=("id", "recordId", "botId", "_id"),
)


def path_of(agent_id: str, rest: str = "") -> str:
    """A path below an agent's own."""
    return f"{ROOT}/{path_segment(agent_id)}{rest}"


class _Bot(Resource):
    def path(self, rest: str = "", agent_id: str | None = None) -> str:
        """A path below the agent's own."""
        return path_of(agent_id or self.agent.agent_id, rest)


class Conversations(_Bot):
    """The conversations of the client's agent."""

    def _create(self, title: str | None = None) -> Flow[Conversation]:
        """Open a conversation.

        Args:
            title: Its title.
        """
        return post_item(self.path("/conversation"), {"title": title}, Conversation, safe=True)

    def _list(
        self, *, page_size: int | None = 100, cursor: str | None = None
    ) -> Flow[Conversation]:
        """The conversations, lazily.

        Args:
            page_size: Conversations on a page (default 100).
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(
            self.agent,
            self.path("/conversation"),
            OFFSET,
            Conversation,
            page_size=page_size,
            cursor=cursor,
            isDefault=False,
        )

    def _rename(self, conversation_id: str, title: str) -> Flow[None]:
        """Give a conversation another title."""
        path = self.path(f"/conversation/{path_segment(conversation_id)}")
        yield Call(Request("PATCH", path, json={"title": title}, safe=True))

    def _delete(self, conversation_id: str) -> Flow[None]:
        """Delete a conversation; of several, read their list to its end first."""
        path = self.path(f"/conversation/{path_segment(conversation_id)}")
        yield Call(Request("DELETE", path, json={}, safe=True))

    create, acreate = calls(_create)
    list, alist = lists(_list)
    rename, arename = calls(_rename)
    delete, adelete = calls(_delete)


class Records(_Bot):
    """What was said to the client's agent and what it answered, message by message."""

    def _list(
        self,
        *,
        conversation_id: str | None = None,
        sort: str = "asc",
        page_size: int | None = 100,
        page: int | None = None,
        cursor: str | None = None,
    ) -> Flow[Message]:
        """The records, lazily.

        Args:
            conversation_id: Only those of this conversation.
            sort: `asc` for the oldest first (default), or `desc`.
            page_size: Records on a page (default 100).
            page: Number of the page to start with.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        if sort not in ("asc", "desc"):
            raise ConfigurationError(f"sort must be asc or desc, not {sort!r}.")
        return pages(
            self.agent,
            self.path("/records"),
            NUMBERED,
            Message,
            page_size=page_size,
            cursor=cursor,
            page=1 if page is None and cursor is None else page,
            sort=sort,
            conversationId=None if conversation_id is None else known_id(conversation_id),
        )

    list, alist = lists(_list)


class Messages(Resource):
    """The messages of one conversation: its records, under the name that all services share."""

    def _list(
        self,
        conversation_id: str,
        *,
        page_size: int | None = 100,
        cursor: str | None = None,
    ) -> Flow[Message]:
        """The messages of a conversation, oldest first, lazily; see `records.list`."""
        of_one = known_id(conversation_id)
        records = Records(self.agent)
        return records._list(conversation_id=of_one, page_size=page_size, cursor=cursor)

    def _history(self, conversation_id: str) -> Flow[Sequence[Message]]:
        """All messages of a conversation, oldest first."""
        found = yield from collect_items(self._list(conversation_id))
        return chronological(found)

    list, alist = lists(_list)
    history, ahistory = calls(_history)


def _bot_of(agent: str) -> str:
    """An agent without the protocol that it is asked in: ratings are those of both."""
    return agent.partition(":")[2]


class Feedbacks(_Bot):
    """What users think of the answers."""

    def _send(
        self,
        answer: object,
        type: str = "upvote",  # noqa: A002 - the service's own word
        *,
        comment: str | None = None,
        rating: float | None = None,
        tags: Sequence[str] | None = None,
        input: str | None = None,  # noqa: A002 - the service's own word
        ai_answer: str | None = None,
    ) -> Flow[None]:
        """Rate an answer.

        Args:
            answer: The answer: a `Reply`, an `AIMessage`, a `ChatMessage`, or its `reply_id`.
            type: `upvote` or `downvote`.
            comment: In words.
            rating: As a number.
            tags: As keywords.
            input: The question, as the user put it.
            ai_answer: The answer's text (default: that of the answer, where it is not just an id).

        Raises:
            ConfigurationError: The answer has no id of the service, or is of another agent.
        """
        known = answer_of(answer)
        if known.agent is not None and _bot_of(known.agent) != _bot_of(self.agent.name):
            raise ConfigurationError(
                f"This answer is of {known.agent}, and not of {self.agent.name}.",
                endpoint=self.agent.endpoint.name,
            )
        if type not in ("upvote", "downvote"):
            raise ConfigurationError(f"type must be upvote or downvote, not {type!r}.")
        body = {
            "recordId": known.reply_id,
            "type": type,
            "botId": self.agent.agent_id,
            "comment": comment,
            "rating": rating,
            "tags": None if tags is None else [*tags],
            "input": input,
            "aiAnswer": known.text if ai_answer is None else ai_answer,
        }
        return self._post({name: value for name, value in body.items() if value is not None})

    def _post(self, body: JsonMapping) -> Flow[None]:
        yield Call(Request("POST", self.path("/feedback"), json=body))

    def _list(
        self,
        *,
        type: str | None = None,  # noqa: A002 - the service's own word
        sender: str | None = None,
        sender_filter: str | None = None,
        min_rating: float | None = None,
        max_rating: float | None = None,
        start: Day | None = None,
        end: Day | None = None,
        page_size: int | None = 100,
        cursor: str | None = None,
    ) -> Flow[Feedback]:
        """The feedback, lazily.

        Args:
            type: Only `upvote` or `downvote`.
            sender: Only from this user.
            sender_filter: How `sender` is compared: `include`, `exclude`, `equal`, `unequal` or
                `prefix`.
            min_rating: Only from this rating on.
            max_rating: Only up to this rating.
            start: Only from this day on, as it begins in UTC.
            end: Only up to this day, as it ends in UTC.
            page_size: Items on a page (default 100).
            cursor: Go on from the `.cursor` of an earlier list.
        """
        times: JsonObject = dict(zip(("from", "to"), open_seconds(start, end), strict=True))
        return pages(
            self.agent,
            self.path("/feedback"),
            NUMBERED,
            Feedback,
            page_size=page_size,
            cursor=cursor,
            page=1 if cursor is None else None,
            type=type,
            sender=sender,
            senderFilter=sender_filter,
            minRating=min_rating,
            maxRating=max_rating,
            **times,
        )

    send, asend = calls(_send)
    list, alist = lists(_list)


class Questions:
    """Questions that a user may want to ask; methods of the client itself."""

    def _recommend_questions(
        self: HasAgent,
        msg: str | None = None,
        *,
        history: Sequence[Mapping[str, str]] | None = None,
        name: str | None = None,
        introduction: str | None = None,
        agent_setting: str | None = None,
    ) -> Flow[str]:
        """Recommended questions, each as soon as it is whole.

        Args:
            msg: What the user said last.
            history: What was said before, as `{role, content}`.
            name: The agent's name, if not the one it has.
            introduction: Its introduction.
            agent_setting: Its instructions.
        """
        body = {
            "name": name,
            "introduction": introduction,
            "agentSetting": agent_setting,
            "msg": msg,
            "history": None if history is None else [dict(each) for each in history],
        }
        known = {key: value for key, value in body.items() if value is not None}
        path = path_of(self.agent.agent_id, "/recommend-questions")
        return _lines(self.agent, Stream(Request("POST", path, json=known, stream=True), decode))

    recommend_questions, arecommend_questions = streams(_recommend_questions)


def _lines(agent: Terms, stream: Stream) -> Flow[str]:
    """The text of an answer, line by line."""

    def answer() -> Flow[Any]:
        return (yield stream)

    lines = Lines()
    yield from intercepted(expand(answer(), Exchange(agent)), lines.take)
    return ""


class Lines:
    """Cuts the events of an answer into the lines of its text."""

    def __init__(self) -> None:
        self._rest = ""

    def take(self, events: Sequence[Any]) -> Flow[None]:
        """Emit the lines that are whole now; the end of the answer ends the last one."""
        for event in events:
            self._rest += event.text if isinstance(event, TextDelta) else ""
        *lines, self._rest = self._rest.split("\n")
        if any(isinstance(event, Finish) for event in events):
            lines.append(self._rest)
        yield Emit([line.strip() for line in lines if line.strip()])


class Agents(_Bot):
    """The environment's agents."""

    def _list(self, *, page_size: int | None = 100, cursor: str | None = None) -> Flow[AgentInfo]:
        """The agents, lazily; `page_size` and `cursor` as for the other lists."""
        return pages(
            self.agent,
            ROOT,
            NUMBERED,
            AgentInfo,
            page_size=page_size,
            cursor=cursor,
            page=1 if cursor is None else None,
        )

    def _get(self, agent_id: str | None = None) -> Flow[AgentInfo]:
        """One agent; by default the client's own."""
        return get_item(self.path("", agent_id), AgentInfo)

    list, alist = lists(_list)
    get, aget = calls(_get)
