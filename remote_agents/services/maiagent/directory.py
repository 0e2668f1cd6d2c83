"""Who is there on MaiAgent: chatbots, inboxes, web chats, contacts."""

from __future__ import annotations

from collections.abc import Sequence

from remote_agents.errors import NotFoundError
from remote_agents.flow import Flow
from remote_agents.json_types import JsonMapping
from remote_agents.resources.cursors import with_query
from remote_agents.resources.items import AgentInfo
from remote_agents.resources.methods import Resource, calls, lists
from remote_agents.resources.paging import Paging, pages
from remote_agents.resources.requests import get_item, path_segment, post_item
from remote_agents.services.maiagent.items import ChatConversation, Contact, Inbox, WebChat

NUMBERED = Paging("pageSize", (("page", "number"),))
COUNTED = Paging("limit", (("offset", "count"),))


def _sized(path: str, page_size: int | None) -> str:
    """A list of contacts, sized in the words of docs.maiagent.ai/api/api-reference/lian-luo-ren.

    It names `page` and `pageSize`, and the vendor's examples `limit` and `offset`, which are sent
    as well: a framework passes over a parameter that it does not know.
    """
    return with_query(path, {"pageSize": page_size})


class Chatbots(Resource):
    """The account's chatbots."""

    def _list(self, *, page_size: int | None = None, cursor: str | None = None) -> Flow[AgentInfo]:
        """The chatbots, lazily; `page_size` and `cursor` as for the other lists."""
        path = "/api/chatbots/"
        return pages(self.agent, path, NUMBERED, AgentInfo, page_size=page_size, cursor=cursor)

    def _get(self, chatbot_id: str | None = None) -> Flow[AgentInfo]:
        """One chatbot; by default the client's own."""
        return get_item(
            f"/api/chatbots/{path_segment(chatbot_id or self.agent.agent_id)}/", AgentInfo
        )

    list, alist = lists(_list)
    get, aget = calls(_get)


class Inboxes(Resource):
    """The channels through which people write."""

    def _list(
        self,
        *,
        channel_type: str | None = None,
        chatbot: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[Inbox]:
        """The inboxes, lazily.

        Args:
            channel_type: Only `line`, `telegram`, `web` or `messenger`.
            chatbot: Only those of this chatbot (id).
            page_size: Inboxes on a page.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(
            self.agent,
            "/api/inboxes/",
            NUMBERED,
            Inbox,
            page_size=page_size,
            cursor=cursor,
            channelType=channel_type,
            chatbot=chatbot,
        )

    list, alist = lists(_list)


class WebChats(Resource):
    """Chat windows of web pages."""

    def _list(self, *, cursor: str | None = None) -> Flow[WebChat]:
        """The web chats; the service gives them all at once."""
        return pages(self.agent, "/api/web-chats/", Paging(), WebChat, cursor=cursor)

    def _get(self, web_chat_id: str) -> Flow[WebChat]:
        """One web chat."""
        return get_item(f"/api/web-chats/{path_segment(web_chat_id)}/", WebChat)

    list, alist = lists(_list)
    get, aget = calls(_get)


class Contacts(Resource):
    """The people who write; a contact's id is a message's `sender`."""

    def _list(
        self,
        *,
        query: str | None = None,
        inboxes: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[Contact]:
        """The contacts, lazily.

        Args:
            query: Only those that match this.
            inboxes: Only those of this inbox (id).
            page_size: Contacts on a page.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(
            self.agent,
            _sized("/api/contacts/", page_size),
            COUNTED,
            Contact,
            page_size=page_size,
            cursor=cursor,
            query=query,
            inboxes=inboxes,
        )

    def _create(
        self,
        name: str,
        *,
        email: str | None = None,
        phone_number: str | None = None,
        source_id: str | None = None,
        inboxes: Sequence[str] = (),
        query_metadata: JsonMapping | None = None,
    ) -> Flow[Contact]:
        """Add a contact.

        Args:
            name: The name.
            email: Mail address.
            phone_number: Telephone number.
            source_id: Your own key of the person.
            inboxes: Ids of the inboxes that the person may write to.
            query_metadata: An object that goes with each of the person's messages.
        """
        # Here the service writes snake_case.
        body = {
            "name": name,
            "email": email,
            "phone_number": phone_number,
            "source_id": source_id,
            "inboxes": [{"id": inbox} for inbox in inboxes] or None,
            "query_metadata": query_metadata,
        }
        return post_item("/api/contacts/", body, Contact)

    def _conversations(
        self,
        contact_id: str,
        *,
        keyword: str | None = None,
        inboxes: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[ChatConversation]:
        """The conversations of a contact, lazily.

        Args:
            contact_id: The contact.
            keyword: Only those with a message that contains this.
            inboxes: Only those of this inbox (id).
            page_size: Conversations on a page.
            cursor: Go on from the `.cursor` of an earlier list.
        """
        return pages(
            self.agent,
            _sized(f"/api/contacts/{path_segment(contact_id)}/conversations", page_size),
            COUNTED,
            ChatConversation,
            page_size=page_size,
            cursor=cursor,
            keyword=keyword,
            inboxes=inboxes,
        )

    def _latest_conversation(self, contact_id: str) -> Flow[ChatConversation | None]:
        """The latest conversation of a contact; None if there is none.

        The service answers the same for a contact that it does not know.
        """
        path = f"/api/contacts/{path_segment(contact_id)}/conversations/latest"
        try:
            return (yield from get_item(path, ChatConversation))
        except NotFoundError:
            return None

    list, alist = lists(_list)
    create, acreate = calls(_create)
    conversations, aconversations = lists(_conversations)
    latest_conversation, alatest_conversation = calls(_latest_conversation)
