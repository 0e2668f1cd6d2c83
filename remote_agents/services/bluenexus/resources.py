"""BlueNexus beside the chat: agents, and their conversations with the messages."""

from __future__ import annotations

from collections.abc import Sequence

from remote_agents.flow import Call, Flow, Request
from remote_agents.resources.emitted import collect_items
from remote_agents.resources.items import AgentInfo, Conversation, Message
from remote_agents.resources.methods import Resource, calls, lists
from remote_agents.resources.order import chronological
from remote_agents.resources.paging import Paging, pages
from remote_agents.resources.requests import get_item, path_segment, post_item
from remote_agents.wire.json import mapping

ROOT = "/api/v1/agents/"
# What the lists are called is not documented.
LISTS = ("data", "agents", "conversations", "messages", "memories", "items")
NUMBERED = Paging("limit", (("page", "number"),), most=100, lists=LISTS)
CONVERSATIONS = NUMBERED._replace(ids=("id", "conversationId"))


class Agents(Resource):
    """The account's agents."""

    def _list(
        self,
        *,
        sort_by: str | None = None,
        sort_order: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[AgentInfo]:
        """The agents, lazily.

        Args:
            sort_by: Name of a field.
            sort_order: `asc` or `desc`.
            page_size: Agents on a page, at most 100.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(
            self.agent,
            ROOT.rstrip("/"),
            NUMBERED,
            AgentInfo,
            page_size=page_size,
            cursor=cursor,
            sortBy=sort_by,
            sortOrder=sort_order,
        )

    def _get(self, agent_id: str | None = None) -> Flow[AgentInfo]:
        """One agent; by default the client's own."""
        return get_item(ROOT + path_segment(agent_id or self.agent.agent_id), AgentInfo)

    list, alist = lists(_list)
    get, aget = calls(_get)


class Conversations(Resource):
    """The conversations of the client's agent."""

    def path(self) -> str:
        """The path of all conversations."""
        return f"{ROOT}{path_segment(self.agent.agent_id)}/conversations"

    def path_of(self, conversation_id: str) -> str:
        """The path of one."""
        return f"{self.path()}/{path_segment(conversation_id)}"

    def _create(self, title: str | None = None) -> Flow[Conversation]:
        """Open a conversation.

        Args:
            title: Its title.
        """
        return post_item(self.path(), {"title": title}, Conversation, safe=True)

    def _list(
        self, *, page_size: int | None = None, cursor: str | None = None
    ) -> Flow[Conversation]:
        """The conversations, lazily.

        Args:
            page_size: Conversations on a page, at most 100.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(
            self.agent, self.path(), CONVERSATIONS, Conversation, page_size=page_size, cursor=cursor
        )

    def _delete(self, conversation_id: str) -> Flow[None]:
        """Delete a conversation with its messages; of several, read their list to its end first."""
        yield Call(Request("DELETE", self.path_of(conversation_id), safe=True))

    def _messages(
        self, conversation_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Flow[Message]:
        """The messages of a conversation, lazily; the same as `client.messages.list`."""
        return Messages(self.agent)._list(conversation_id, page_size=page_size, cursor=cursor)

    create, acreate = calls(_create)
    list, alist = lists(_list)
    delete, adelete = calls(_delete)
    messages, amessages = lists(_messages)


class Messages(Resource):
    """The messages of conversations."""

    def _list(
        self, conversation_id: str, *, page_size: int | None = None, cursor: str | None = None
    ) -> Flow[Message]:
        """The messages of a conversation, lazily.

        Args:
            conversation_id: The conversation.
            page_size: Messages on a page, at most 100.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        path = f"{Conversations(self.agent).path_of(conversation_id)}/messages"

        def read(raw: object) -> Message:
            return Message({"conversationId": conversation_id, **mapping(raw)})

        return pages(self.agent, path, NUMBERED, read, page_size=page_size, cursor=cursor)

    def _history(self, conversation_id: str) -> Flow[Sequence[Message]]:
        """All messages of a conversation, oldest first."""
        found = yield from collect_items(self._list(conversation_id))
        return chronological(found)

    list, alist = lists(_list)
    history, ahistory = calls(_history)
