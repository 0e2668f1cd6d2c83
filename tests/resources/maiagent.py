"""MaiAgent's operations: chat, conversations and messages, records, files, who is there."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way
from tests.resources.operation import Operation

FIRST, LAST = "2024-01-01", "2024-12-31"
MAIAGENT = "MaiAgent, Conversations and Messages"
MAIAGENT_MORE = "MaiAgent, API reference"


async def _maiagent_chat(way: Way, client: Any, box: Sandbox) -> None:
    attachment = await way(client.attachments.upload, b"plan", filename="plan.txt")
    first = await way(client.ask, "Hello", sender=box.agents["maiagent"]["contact_id"])
    events = await way(
        client.stream,
        "How many vacation days do I get?",
        conversation_id=first.conversation_id,
        query_metadata={"a": 1},
        content_payload={"b": 2},
        attachments=[attachment],
    )
    assert "vacation" in events[-1].reply.text
    (sent,) = box.requests("maiagent")[-1]["body"]["message"]["attachments"]
    assert sent == attachment.raw


async def _conversation(way: Way, client: Any, box: Sandbox) -> str:
    web_chat = box.agents["maiagent"]["web_chat_id"]
    return str((await way(client.conversations.create, web_chat)).id)


async def _maiagent_message(way: Way, client: Any, box: Sandbox) -> None:
    id_ = await _conversation(way, client, box)
    uploaded = await way(client.attachments.upload, b"plan", filename="plan.txt")
    sent = await way(
        client.messages.create,
        id_,
        "How many vacation days do I get?",
        type="incoming",
        content_payload={"a": 1},
        attachments=[uploaded],
        canvas={"name": "n", "canvas_type": "markdown", "title": "t", "content": "c"},
        query_metadata={"b": 2},
    )
    assert (sent.role, sent.conversation_id) == ("user", id_)
    assert sent.attachments == [uploaded]


async def _maiagent_answer(way: Way, client: Any, box: Sandbox) -> None:
    id_ = await _conversation(way, client, box)
    question = "How many vacation days do I get?"
    answer = await way(client.messages.send_and_wait, id_, question, interval=0.05)
    assert answer.role == "assistant"
    assert "25" in answer.content


async def _maiagent_create(way: Way, client: Any, box: Sandbox) -> None:
    assert await _conversation(way, client, box)


async def _maiagent_messages(way: Way, client: Any, box: Sandbox) -> None:
    reply = await way(client.ask, "Hello")
    found = await way(client.messages.list, reply.conversation_id, page_size=1)
    assert sorted(message.role for message in found) == ["assistant", "user"]


async def _maiagent_get_message(way: Way, client: Any, box: Sandbox) -> None:
    reply = await way(client.ask, "Hello")
    first = (await way(client.messages.history, reply.conversation_id))[0]
    one = await way(client.messages.get, first.id, conversation_id=reply.conversation_id)
    assert one == first
    assert one.content == "Hello"


async def _maiagent_conversations(way: Way, client: Any, box: Sandbox) -> None:
    inbox = (await way(client.inboxes.list))[0].id
    ids = {(await way(client.ask, f"Hello {n} zebra")).conversation_id for n in range(3)}
    found = await way(client.conversations.list, inbox=inbox, keyword="zebra", page_size=1)
    assert ids <= {conversation.id for conversation in found}


async def _maiagent_get_conversation(way: Way, client: Any, box: Sandbox) -> None:
    reply = await way(client.ask, "Hello")
    one = await way(client.conversations.get, reply.conversation_id)
    assert one.id == reply.conversation_id
    assert one.last_message.role == "assistant"


async def _maiagent_records(way: Way, client: Any, box: Sandbox) -> None:
    question = "Question 2 about"
    found = await way(
        client.records.list,
        start=FIRST,
        end=LAST,
        user_message=question,
        bot_message="Answer",
        page=1,
        page_size=50,
    )
    assert found
    assert all(question in record.input_message for record in found)


async def _maiagent_export(way: Way, client: Any, box: Sandbox) -> None:
    from openpyxl import load_workbook

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.xlsx")
        days = {"start": FIRST, "end": LAST}
        texts = {"user_message": "Question 2 about", "bot_message": "Answer"}
        size = await way(client.records.export_excel, path, **days, **texts)
        assert size == os.path.getsize(path)  # noqa: ASYNC240 - a test may wait
        cell = load_workbook(path)["Records"].cell(2, 3)
        assert str(cell.value).startswith("Question 2 about")


async def _maiagent_upload(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.attachments.upload, io.BytesIO(b"plan"), filename="plan.txt")
    assert (one.type, one.filename) == ("other", "plan.txt")


async def _maiagent_presigned(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.attachments.upload_presigned, b"plan", filename="plan.png")
    assert (one.type, one.filename) == ("image", "plan.png")


async def _maiagent_chatbots(way: Way, client: Any, box: Sandbox) -> None:
    found = await way(client.chatbots.list, page_size=10)
    assert [one.id for one in found] == [client.agent.agent_id]


async def _maiagent_inboxes(way: Way, client: Any, box: Sandbox) -> None:
    chatbot = client.agent.agent_id
    found = await way(client.inboxes.list, channel_type="web", chatbot=chatbot, page_size=10)
    assert [one.channel_type for one in found] == ["web"]


async def _maiagent_web_chats(way: Way, client: Any, box: Sandbox) -> None:
    found = await way(client.web_chats.list)
    assert [one.id for one in found] == [box.agents["maiagent"]["web_chat_id"]]


async def _maiagent_web_chat(way: Way, client: Any, box: Sandbox) -> None:
    id_ = box.agents["maiagent"]["web_chat_id"]
    assert (await way(client.web_chats.get, id_)).id == id_


async def _maiagent_contacts(way: Way, client: Any, box: Sandbox) -> None:
    assert await way(client.contacts.list, query="robin", inboxes="any", page_size=10)


async def _maiagent_contact(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(
        client.contacts.create,
        "Kim Pier",
        email="kim@example.com",
        phone_number="+1 555 0100",
        source_id="crm-7",
        query_metadata={"team": "docks"},
    )
    assert (one.name, one.email, one.source_id) == ("Kim Pier", "kim@example.com", "crm-7")
    assert one in await way(client.contacts.list, query="kim pier", page_size=1)


OPERATIONS = (
    Operation(
        "maiagent",
        MAIAGENT,
        "Send Message (Stream)",
        "POST /api/chatbots/{chatbotId}/completions/",
        "MaiAgent.ask MaiAgent.stream",
        _maiagent_chat,
        "conversation message message.content message.contentPayload message.queryMetadata"
        " message.attachments message.attachments.id message.attachments.type"
        " message.attachments.filename message.attachments.file message.sender isStreaming",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Send Message (Create)",
        "POST /api/messages/",
        "MaiAgent.messages.create",
        _maiagent_message,
        "conversation type content contentPayload attachments canvas canvas.name canvas.canvasType"
        " canvas.title canvas.content queryMetadata",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Send Message and wait",
        "POST /api/messages/",
        "MaiAgent.messages.send_and_wait",
        _maiagent_answer,
        "conversation content",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Create a new conversation",
        "POST /api/conversations/",
        "MaiAgent.conversations.create",
        _maiagent_create,
        "webChat",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Get Message List",
        "GET /api/messages/",
        "MaiAgent.messages.list",
        _maiagent_messages,
        "conversation cursor pageSize",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Get a specific message",
        "GET /api/messages/{id}/",
        "MaiAgent.messages.get",
        _maiagent_get_message,
        "conversation",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Get Conversation List",
        "GET /api/conversations/",
        "MaiAgent.conversations.list",
        _maiagent_conversations,
        "cursor inbox keyword pageSize",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Get a specific conversation",
        "GET /api/conversations/{id}/",
        "MaiAgent.conversations.get",
        _maiagent_get_conversation,
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Get AI Assistant Conversation Records",
        "GET /api/chatbots/{chatbotPk}/records/",
        "MaiAgent.records.list",
        _maiagent_records,
        "botMessage endDate page pageSize startDate userMessage",
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Export Chat Records as Excel File",
        "GET /api/chatbots/{chatbotPk}/records/export-excel/",
        "MaiAgent.records.export_excel",
        _maiagent_export,
        "botMessage endDate startDate userMessage",
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "Upload an attachment",
        "POST /api/attachments/",
        "MaiAgent.attachments.upload",
        _maiagent_upload,
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "Upload by a presigned address",
        "POST /api/upload-presigned-url/",
        "MaiAgent.attachments.upload_presigned",
        _maiagent_presigned,
        "filename modelName fieldName fileSize",
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "List chatbots",
        "GET /api/chatbots/",
        "MaiAgent.chatbots.list",
        _maiagent_chatbots,
        "pageSize",
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "List inboxes",
        "GET /api/inboxes/",
        "MaiAgent.inboxes.list",
        _maiagent_inboxes,
        "channelType chatbot pageSize",
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "List web chats",
        "GET /api/web-chats/",
        "MaiAgent.web_chats.list",
        _maiagent_web_chats,
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "Get a web chat",
        "GET /api/web-chats/{id}/",
        "MaiAgent.web_chats.get",
        _maiagent_web_chat,
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "List contacts",
        "GET /api/contacts/",
        "MaiAgent.contacts.list",
        _maiagent_contacts,
        "query inboxes limit",
    ),
    Operation(
        "maiagent",
        MAIAGENT_MORE,
        "Create a contact",
        "POST /api/contacts/",
        "MaiAgent.contacts.create",
        _maiagent_contact,
        "name email phone_number source_id query_metadata",
    ),
)
