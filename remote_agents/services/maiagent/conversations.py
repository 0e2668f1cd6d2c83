"""MaiAgent's conversations and their messages.

Implements "Conversations and Messages" (docs.maiagent.ai); records, files and the rest of its API
are in `records.py`, `files.py` and `directory.py`. Every path ends with a slash: the service would
redirect, and redirects are not followed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from remote_agents.errors import AgentTimeoutError, ConfigurationError
from remote_agents.flow import Flow, Sleep
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.resources.cursors import PagePosition, with_query
from remote_agents.resources.emitted import collect_items
from remote_agents.resources.items import Attachment, Message, item_key
from remote_agents.resources.methods import HasAgent, Resource, calls, lists
from remote_agents.resources.order import chronological, sent_at
from remote_agents.resources.paging import Paging, fetch, following, pages
from remote_agents.resources.requests import get_item, path_segment, post_item
from remote_agents.seconds import read_seconds
from remote_agents.services.maiagent.chat import ATTACHMENT_TYPES, decode
from remote_agents.services.maiagent.items import ChatConversation
from remote_agents.types import Event

CURSOR = Paging("pageSize")


class Conversations(Resource):
    """The conversations of the account."""

    def _create(self, web_chat: str) -> Flow[ChatConversation]:
        """Open a conversation in a web chat (see `web_chats`).

        Args:
            web_chat: Id of the web chat.
        """
        path_segment(web_chat)
        return post_item("/api/conversations/", {"webChat": web_chat}, ChatConversation, safe=True)

    def _list(
        self,
        *,
        inbox: str | None = None,
        keyword: str | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[ChatConversation]:
        """The conversations, lazily.

        Args:
            inbox: Only those of this inbox (id).
            keyword: Only those that contain this.
            page_size: Conversations on a page.
            cursor: Go on from the `.cursor` of an earlier list, or from one of the service's own.
        """
        return pages(
            self.agent,
            "/api/conversations/",
            CURSOR,
            ChatConversation,
            page_size=page_size,
            cursor=cursor,
            own_cursors=True,
            inbox=inbox,
            keyword=keyword,
        )

    def _get(self, conversation_id: str) -> Flow[ChatConversation]:
        """One conversation; NotFoundError if there is none."""
        return get_item(f"/api/conversations/{path_segment(conversation_id)}/", ChatConversation)

    create, acreate = calls(_create)
    list, alist = lists(_list)
    get, aget = calls(_get)


class Messages(Resource):
    """The messages of conversations."""

    def _create(
        self,
        conversation_id: str,
        content: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - the service's own word
        content_payload: JsonMapping | None = None,
        attachments: Sequence[Attachment | JsonMapping] | None = None,
        canvas: JsonMapping | None = None,
        query_metadata: JsonMapping | None = None,
    ) -> Flow[Message]:
        """Put a message into a conversation, without waiting for the answer.

        The assistant's answer comes later, as another message of the conversation; see
        `send_and_wait`.

        Args:
            conversation_id: The conversation.
            content: The text.
            type: `incoming` (the default, from the user) or `outgoing`.
            content_payload: An object that goes with the text.
            attachments: What `attachments.upload` gave, or objects with id, type, filename, file.
            canvas: An object with name, canvas_type, title and content.
            query_metadata: An object for the chatbot's query.

        Returns:
            The message as it was stored.
        """
        path_segment(conversation_id)
        body = {
            "conversation": conversation_id,
            "content": content,
            "type": type,
            "contentPayload": content_payload,
            "attachments": None if attachments is None else [_raw(a) for a in attachments],
            "canvas": None if canvas is None else _canvas(canvas),
            "queryMetadata": query_metadata,
        }
        return post_item("/api/messages/", body, Message)

    def _send_and_wait(
        self,
        conversation_id: str,
        content: str,
        *,
        timeout: float = 120.0,
        interval: float = 1.0,
        content_payload: JsonMapping | None = None,
        attachments: Sequence[Attachment | JsonMapping] | None = None,
        canvas: JsonMapping | None = None,
        query_metadata: JsonMapping | None = None,
    ) -> Flow[Message]:
        """Put a message into a conversation and wait for the assistant's answer.

        The message is sent once; before it and then again and again the conversation's messages are
        read, until a new answer is among them.

        Args:
            conversation_id: The conversation.
            content: The text.
            timeout: Seconds to wait for the answer (default 120).
            interval: Seconds between two looks; they grow to four times that (default 1).
            content_payload: See `create`.
            attachments: See `create`.
            canvas: See `create`.
            query_metadata: See `create`.

        Returns:
            The assistant's message.

        Raises:
            AgentTimeoutError: No answer in time; the message was sent, and `list` shows an answer
                that comes later.
        """
        read_seconds("timeout", timeout)
        read_seconds("interval", interval)
        sent = self._create(
            conversation_id,
            content,
            content_payload=content_payload,
            attachments=attachments,
            canvas=canvas,
            query_metadata=query_metadata,
        )
        return self._answer(conversation_id, sent, timeout, interval)

    def _answer(
        self, conversation_id: str, sending: Flow[Message], timeout: float, interval: float
    ) -> Flow[Message]:
        # Times do not tell an answer from the one before it: some are of whole seconds.
        known = {item_key(each.raw) for each in (yield from self._answers(conversation_id))}
        sent = yield from sending
        deadline, wait = time.monotonic() + timeout, interval
        while True:
            answers = yield from self._answers(conversation_id)
            if new := [each for each in answers if item_key(each.raw) not in known]:
                return new[0]
            left = deadline - time.monotonic()
            if left <= 0:
                raise AgentTimeoutError(
                    f"No answer to message {sent.id} within {timeout:g} s. It was sent, and was "
                    "not repeated; messages.list() shows an answer that comes later.",
                    phase="total",
                    endpoint=self.agent.endpoint.name,
                    conversation_id=conversation_id,
                )
            yield Sleep(min(wait, left))
            wait = min(wait * 1.5, 4 * interval)

    def _answers(self, conversation_id: str) -> Flow[list[Message]]:
        """The answers, oldest first; of a list that runs backwards those of its first page."""
        place: PagePosition | None = PagePosition(
            with_query("/api/messages/", {"conversation": conversation_id, "pageSize": 100})
        )
        found: list[Message] = []
        while place is not None and not (found and sent_at(found[0]) > sent_at(found[-1])):
            page = yield from fetch(self.agent, place, CURSOR)
            found += map(Message, page.items)
            place = following(self.agent, place, page, 0, CURSOR, 100)
        return [each for each in chronological(found) if each.role == "assistant"]

    def _list(
        self,
        conversation_id: str,
        *,
        page_size: int | None = None,
        cursor: str | None = None,
    ) -> Flow[Message]:
        """The messages of a conversation, lazily, in the service's order (see `history`).

        Args:
            conversation_id: The conversation.
            page_size: Messages on a page.
            cursor: Go on from the `.cursor` of an earlier list, or from one of the service's own.
        """
        path_segment(conversation_id)
        return pages(
            self.agent,
            "/api/messages/",
            CURSOR,
            Message,
            page_size=page_size,
            cursor=cursor,
            own_cursors=True,
            conversation=conversation_id,
        )

    def _history(self, conversation_id: str) -> Flow[Sequence[Message]]:
        """All messages of a conversation, oldest first."""
        found = yield from collect_items(self._list(conversation_id, page_size=100))
        return chronological(found)

    def _get(self, message_id: str, *, conversation_id: str | None = None) -> Flow[Message]:
        """One message.

        Args:
            message_id: Its id.
            conversation_id: Its conversation.
        """
        path = f"/api/messages/{path_segment(message_id)}/"
        return get_item(path, Message, conversation=conversation_id)

    create, acreate = calls(_create)
    send_and_wait, asend_and_wait = calls(_send_and_wait)
    list, alist = lists(_list)
    history, ahistory = calls(_history)
    get, aget = calls(_get)


class Recovering:
    """What makes a stored answer the reply of `client.recover`."""

    def _stored(self: HasAgent, answer: Message) -> Sequence[Event]:
        return decode(answer.raw, self.agent.new_reply())


def _raw(attachment: Attachment | JsonMapping) -> JsonObject:
    known = attachment.raw if isinstance(attachment, Attachment) else attachment
    kind = known.get("type")
    # What uploads and lists call a file is not what a message takes.
    return {**known, "type": kind if kind in ATTACHMENT_TYPES else "other"}


def _canvas(canvas: JsonMapping) -> JsonObject:
    wire = {"canvas_type": "canvasType"}
    given = {wire.get(name, name): value for name, value in canvas.items()}
    if missing := [n for n in ("name", "canvasType", "title", "content") if n not in given]:
        raise ConfigurationError(f"canvas needs {', '.join(missing)} too.")
    return given
