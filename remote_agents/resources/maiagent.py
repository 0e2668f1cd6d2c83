"""MaiAgent beside the chat: conversations, messages, records, files, and who is there.

Implements "Conversations and Messages" (docs.maiagent.ai) and its neighbours. Every path ends with
a slash: the service would redirect, and redirects are not followed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from remote_agents.endpoints._base import mapping, text
from remote_agents.endpoints.maiagent import attach, kind_of, loaded
from remote_agents.errors import AgentTimeoutError, ConfigurationError, StreamProtocolError
from remote_agents.flow import Call, Flow, Request, Sleep
from remote_agents.resources import excel
from remote_agents.resources.dates import Day, date_range
from remote_agents.resources.emitted import every
from remote_agents.resources.files import Source, attachment_of
from remote_agents.resources.items import (
    AgentInfo,
    Attachment,
    ChatConversation,
    Contact,
    Inbox,
    Message,
    Record,
    WebChat,
)
from remote_agents.resources.order import chronological, is_newest_first, sent_at
from remote_agents.resources.paging import Paging, Place, fetch, following, pages, with_query
from remote_agents.resources.surface import Resource, calls, lists
from remote_agents.types import Attachment as File

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
CURSOR = Paging("pageSize")
NUMBERED = Paging("pageSize", (("page", "number"),))
COUNTED = Paging("limit", (("offset", "count"),))


def _part(id_: str) -> str:
    if not id_:
        raise ConfigurationError("The id is empty.")
    return quote(id_, safe="")


def _read(path: str, kind: Callable[[Any], T], **params: Any) -> Flow[T]:
    answer = yield Call(Request("GET", with_query(path, params), safe=True))
    return kind(answer.data)


def _post(path: str, body: Mapping[str, Any], kind: Callable[[Any], T]) -> Flow[T]:
    known = {name: value for name, value in body.items() if value is not None}
    answer = yield Call(Request("POST", path, json=known))
    return kind(answer.data)


class Conversations(Resource):
    """The conversations of the account."""

    def _create(self, web_chat: str) -> Flow[ChatConversation]:
        """Open a conversation in a web chat (see `web_chats`).

        Args:
            web_chat: Id of the web chat.
        """
        _part(web_chat)
        return _post("/api/conversations/", {"webChat": web_chat}, ChatConversation)

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
        return _read(f"/api/conversations/{_part(conversation_id)}/", ChatConversation)

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
        content_payload: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment | Mapping[str, Any]] | None = None,
        canvas: Mapping[str, Any] | None = None,
        query_metadata: Mapping[str, Any] | None = None,
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
        _part(conversation_id)
        body = {
            "conversation": conversation_id,
            "content": content,
            "type": type,
            "contentPayload": content_payload,
            "attachments": None if attachments is None else [_raw(a) for a in attachments],
            "canvas": None if canvas is None else _canvas(canvas),
            "queryMetadata": query_metadata,
        }
        return _post("/api/messages/", body, Message)

    def _send_and_wait(
        self,
        conversation_id: str,
        content: str,
        *,
        timeout: float = 120.0,
        interval: float = 1.0,
        content_payload: Mapping[str, Any] | None = None,
        attachments: Sequence[Attachment | Mapping[str, Any]] | None = None,
        canvas: Mapping[str, Any] | None = None,
        query_metadata: Mapping[str, Any] | None = None,
    ) -> Flow[Message]:
        """Put a message into a conversation and wait for the assistant's answer.

        The message is sent once; then the conversation's messages are read until the answer is
        among them.

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
        if timeout <= 0 or interval <= 0:
            raise ConfigurationError("timeout and interval must be more than 0 seconds.")
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
        sent = yield from sending
        deadline, wait = time.monotonic() + timeout, interval
        while True:
            if found := (yield from self._after(conversation_id, sent)):
                return found
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

    def _after(self, conversation_id: str, sent: Message) -> Flow[Message | None]:
        """The first answer after a message; the order of the list is not documented."""
        place: Place | None = Place(
            with_query("/api/messages/", {"conversation": conversation_id, "pageSize": 100})
        )
        answers: list[Message] = []
        while place is not None:
            page = yield from fetch(self.agent, place)
            found = [Message(raw) for raw in page.items]
            answers += [message for message in found if _is_answer(message, sent)]
            if is_newest_first(found) and any(message.id == sent.id for message in found):
                break
            place = following(self.agent, place, page, 0, CURSOR, 100)
        return min(answers, key=sent_at) if answers else None

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
        _part(conversation_id)
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
        found = yield from every(self._list(conversation_id, page_size=100))
        return chronological(found)

    def _get(self, message_id: str, *, conversation_id: str | None = None) -> Flow[Message]:
        """One message.

        Args:
            message_id: Its id.
            conversation_id: Its conversation.
        """
        path = f"/api/messages/{_part(message_id)}/"
        return _read(path, Message, conversation=conversation_id)

    create, acreate = calls(_create)
    send_and_wait, asend_and_wait = calls(_send_and_wait)
    list, alist = lists(_list)
    history, ahistory = calls(_history)
    get, aget = calls(_get)


def _raw(attachment: Attachment | Mapping[str, Any]) -> dict[str, Any]:
    return attachment.raw if isinstance(attachment, Attachment) else dict(attachment)


def _canvas(canvas: Mapping[str, Any]) -> dict[str, Any]:
    wire = {"canvas_type": "canvasType"}
    given = {wire.get(name, name): value for name, value in canvas.items()}
    if missing := [n for n in ("name", "canvasType", "title", "content") if n not in given]:
        raise ConfigurationError(f"canvas needs {', '.join(missing)} too.")
    return given


def _is_answer(message: Message, sent: Message) -> bool:
    later = sent_at(message) >= sent_at(sent)
    return message.role == "assistant" and later and message.id != sent.id


class Records(Resource):
    """What people asked a chatbot and what it answered."""

    def _path(self, chatbot_id: str | None) -> str:
        return f"/api/chatbots/{_part(chatbot_id or self.agent.agent_id)}/records/"

    def _list(
        self,
        *,
        start: Day | None = None,
        end: Day | None = None,
        user_message: str | None = None,
        bot_message: str | None = None,
        page: int | None = None,
        page_size: int | None = None,
        cursor: str | None = None,
        chatbot_id: str | None = None,
    ) -> Flow[Record]:
        """The records of some days, lazily.

        Args:
            start: First day, a date or `YYYY-MM-DD`; required.
            end: Last day; required.
            user_message: Only those whose question contains this.
            bot_message: Only those whose answer contains this.
            page: Number of the page to start with.
            page_size: Records on a page.
            cursor: Go on from the `.cursor` of an earlier list.
            chatbot_id: Another chatbot than the client's own.

        Raises:
            ConfigurationError: A day is missing, none, or after the other.
        """
        first, last = date_range(start, end)
        return pages(
            self.agent,
            self._path(chatbot_id),
            NUMBERED,
            Record,
            page_size=page_size,
            cursor=cursor,
            page=page,
            startDate=first,
            endDate=last,
            userMessage=user_message,
            botMessage=bot_message,
        )

    def _export_excel(
        self,
        path: str | os.PathLike[str],
        *,
        start: Day | None = None,
        end: Day | None = None,
        user_message: str | None = None,
        bot_message: str | None = None,
        progress: bool = False,
        chatbot_id: str | None = None,
    ) -> Flow[int]:
        """Save the records of some days as an Excel file.

        The file is written beside `path` under another name and moved when it is whole, so `path`
        is never half a file. It is never held in memory.

        Args:
            path: Where to; an existing file is replaced.
            start: First day, a date or `YYYY-MM-DD`; required.
            end: Last day; required.
            user_message: Only records whose question contains this.
            bot_message: Only records whose answer contains this.
            progress: Show a bar (needs `tqdm`, extra `cli`).
            chatbot_id: Another chatbot than the client's own.

        Returns:
            The size of the file in bytes.

        Raises:
            ConfigurationError: The days, the path or `progress` cannot be.
            StreamInterruptedError: The connection broke; the message says how far it came.
            StreamProtocolError: What came is no Excel file.
        """
        first, last = date_range(start, end)
        query = {
            "startDate": first,
            "endDate": last,
            "userMessage": user_message,
            "botMessage": bot_message,
        }
        url = with_query(f"{self._path(chatbot_id)}export-excel/", query)
        return excel.save(self.agent, url, path, progress)

    def _to_dataframe(
        self,
        *,
        start: Day | None = None,
        end: Day | None = None,
        user_message: str | None = None,
        bot_message: str | None = None,
        chatbot_id: str | None = None,
    ) -> Flow[DataFrame]:
        """The records of some days as a pandas data frame; arguments as for `list`.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        frame = _pandas()
        found = self._list(
            start=start,
            end=end,
            user_message=user_message,
            bot_message=bot_message,
            page_size=500,
            chatbot_id=chatbot_id,
        )
        return _framed(frame, found)

    list, alist = lists(_list)
    export_excel, aexport_excel = calls(_export_excel)
    to_dataframe, ato_dataframe = calls(_to_dataframe)


def _pandas() -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ConfigurationError("to_dataframe needs pandas: pip install pandas.") from error
    return pd


def _framed(pd: Any, found: Flow[Record]) -> Flow[DataFrame]:
    records = yield from every(found)
    rows = [record.to_dict() for record in records]
    frame: DataFrame = pd.DataFrame(rows, columns=None if rows else [*Record.fields()])
    if "created_at" in frame:
        frame["created_at"] = pd.to_datetime(frame["created_at"], utc=True, format="ISO8601")
    return frame


class Attachments(Resource):
    """Files for messages."""

    def _upload(
        self,
        file: Source,
        *,
        filename: str | None = None,
        mime_type: str | None = None,
        type: str | None = None,  # noqa: A002 - the service's own word
    ) -> Flow[Attachment]:
        """Upload a file as a form.

        Args:
            file: A path, the content as bytes, or an open binary file; at most 100 MiB.
            filename: The name that the service is told (default: the file's own).
            mime_type: For example `image/png` (default: by the name).
            type: `image`, `audio` or `other` (default: by the MIME type).

        Returns:
            The file as the service holds it; put it into `attachments` of a message.

        Raises:
            UnsupportedContentError: The file is too large; it was not read.
        """
        return self._multipart(attachment_of(file, filename, mime_type, type))

    def _multipart(self, file: File) -> Flow[Attachment]:
        record = yield from attach(file)
        return Attachment(record)

    def _upload_presigned(
        self,
        file: Source,
        *,
        filename: str | None = None,
        mime_type: str | None = None,
        type: str | None = None,  # noqa: A002 - the service's own word
        conversation_id: str | None = None,
    ) -> Flow[Attachment]:
        """Upload a file straight to the storage behind the service, which then is told of it.

        The storage is another host: it gets the service's signature and none of our credentials.

        Args:
            file: As for `upload`.
            filename: As for `upload`.
            mime_type: As for `upload`.
            type: As for `upload`.
            conversation_id: Keep the file with this conversation.
        """
        where = f"conversations/{_part(conversation_id)}/" if conversation_id else ""
        return self._presigned(attachment_of(file, filename, mime_type, type), where)

    def _presigned(self, file: File, where: str) -> Flow[Attachment]:
        kind = kind_of(file)
        name, content, mime_type = yield from loaded(file)
        asked = {
            "filename": name,
            "modelName": "attachment",
            "fieldName": "file",
            "fileSize": len(content),
        }
        answer = yield Call(Request("POST", "/api/v1/upload-presigned-url/", json=asked, safe=True))
        url, fields = text(mapping(answer.data).get("url")), mapping(answer.data).get("fields")
        if not url or not isinstance(fields, dict):
            raise StreamProtocolError(
                "MaiAgent gave no address to upload to.", endpoint=self.agent.endpoint.name
            )
        form = {key: str(value) for key, value in fields.items()}
        files = {"file": (name, content, mime_type)}
        yield Call(Request("POST", url, data=form, files=files, foreign=True))
        stored = {"file": form.get("key"), "filename": name, "type": kind}
        return (yield from _post(f"/api/v1/{where}attachments/", stored, Attachment))

    upload, aupload = calls(_upload)
    upload_presigned, aupload_presigned = calls(_upload_presigned)


class Chatbots(Resource):
    """The account's chatbots."""

    def _list(self, *, page_size: int | None = None, cursor: str | None = None) -> Flow[AgentInfo]:
        """The chatbots, lazily; `page_size` and `cursor` as for the other lists."""
        path = "/api/v1/chatbots/"
        return pages(self.agent, path, NUMBERED, AgentInfo, page_size=page_size, cursor=cursor)

    list, alist = lists(_list)


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
            "/api/v1/inboxes/",
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
        return pages(self.agent, "/api/v1/web-chats/", Paging(), WebChat, cursor=cursor)

    def _get(self, web_chat_id: str) -> Flow[WebChat]:
        """One web chat."""
        return _read(f"/api/web-chats/{_part(web_chat_id)}/", WebChat)

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
            "/api/v1/contacts/",
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
        query_metadata: Mapping[str, Any] | None = None,
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
        return _post("/api/v1/contacts/", body, Contact)

    list, alist = lists(_list)
    create, acreate = calls(_create)
