"""Every operation of the five services that this library speaks, and how it is asked for.

`python -m tests.resources.operations` prints `docs/coverage.md`; `test_operations.py` runs each
operation against the sandbox and compares what was sent with what is documented.
"""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources import people, searches
from tests.resources.calls import Way
from tests.resources.operation import RUNNING, VENDOR_CODE, Operation

FIRST, LAST = "2024-01-01", "2024-12-31"
WHO = {"role": "user", "content": "My name is Bo."}
SAID = {"role": "assistant", "content": "Hello Bo."}


# --- what each of them does ----------------------------------------------------------------------


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


async def _openai_chat(way: Way, client: Any, box: Sandbox) -> None:
    assert (await way(client.ask, "How many vacation days do I get?")).text
    assert (await way(client.stream, "Hello"))[-1].reply.text


async def _cloudbase_chat(way: Way, client: Any, box: Sandbox) -> None:
    files = ["https://example.com/plan.pdf"]
    await way(client.ask, [WHO, SAID, "What is my name?"], search_enable=True, files=files)
    id_ = (await way(client.conversations.create)).id
    assert (await way(client.stream, "Hello", conversation_id=id_))[-1].reply.text


async def _cloudbase_create(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.conversations.create, "Vacation")
    assert one.id
    assert one.title == "Vacation"


async def _cloudbase_conversations(way: Way, client: Any, box: Sandbox) -> None:
    ids = {(await way(client.conversations.create)).id for _ in range(3)}
    found = await way(client.conversations.list, page_size=2)
    assert ids <= {one.id for one in found}


async def _cloudbase_rename(way: Way, client: Any, box: Sandbox) -> None:
    id_ = (await way(client.conversations.create)).id
    await way(client.conversations.rename, id_, "Renamed")
    found = await way(client.conversations.list)
    assert [one.title for one in found if one.id == id_] == ["Renamed"]


async def _cloudbase_delete(way: Way, client: Any, box: Sandbox) -> None:
    id_ = (await way(client.conversations.create)).id
    await way(client.conversations.delete, id_)
    assert id_ not in {one.id for one in await way(client.conversations.list)}


async def _cloudbase_records(way: Way, client: Any, box: Sandbox) -> None:
    id_ = (await way(client.conversations.create)).id
    await way(client.ask, "Hello", conversation_id=id_)
    found = await way(client.records.list, conversation_id=id_, sort="desc", page_size=1)
    assert [one.role for one in found] == ["assistant", "user"]
    assert found == list(reversed(await way(client.messages.list, id_)))


async def _rated(way: Way, client: Any) -> str:
    id_ = (await way(client.conversations.create)).id
    reply = await way(client.ask, "Hello", conversation_id=id_)
    await way(
        client.feedback.send,
        reply.reply_id,
        "downvote",
        comment="Too long",
        rating=2,
        tags=["length"],
        input="Hello",
        ai_answer=reply.text,
    )
    return str(reply.reply_id)


async def _cloudbase_feedback(way: Way, client: Any, box: Sandbox) -> None:
    await _rated(way, client)


async def _cloudbase_ratings(way: Way, client: Any, box: Sandbox) -> None:
    rated = await _rated(way, client)
    found = await way(
        client.feedback.list,
        type="downvote",
        sender="sandbox",
        sender_filter="include",
        min_rating=1,
        max_rating=3,
        start="2024-01-01",
        end="2999-12-31",
        page_size=1,
    )
    one = next(each for each in found if each.record_id == rated)
    assert (one.type, one.rating, one.tags) == ("downvote", 2, ["length"])
    assert one.comment == "Too long"


async def _cloudbase_questions(way: Way, client: Any, box: Sandbox) -> None:
    found = await way(
        client.recommend_questions,
        "vacation",
        history=[WHO],
        name="Handbook",
        introduction="Knows the handbook",
        agent_setting="Be brief.",
    )
    assert len(found) == 3
    assert all(question.endswith("?") for question in found)


async def _agents(way: Way, client: Any, box: Sandbox) -> None:
    assert client.agent.agent_id in {one.id for one in await way(client.agents.list, page_size=1)}


async def _agent(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.agents.get)
    assert (one.id, one.name) == (client.agent.agent_id, "Handbook")


async def _private_ai_chat(way: Way, client: Any, box: Sandbox) -> None:
    model = (await way(client.models.list))[0].id
    parameters = {"seed": 7, "temperature": 0.5, "n": 1, "stop": ["zzz"], "max_tokens": 50}
    first = await way(client.ask, "My name is Bo.", memory="server", model=model, **parameters)
    follow = {"conversation_id": first.conversation_id}
    assert "Bo" in (await way(client.stream, "What is my name?", **follow))[-1].reply.text


async def _private_ai_models(way: Way, client: Any, box: Sandbox) -> None:
    assert [one.owned_by for one in await way(client.models.list)] == ["vmware"]


async def _bluenexus_chat(way: Way, client: Any, box: Sandbox) -> None:
    first = await way(client.ask, "My name is Bo.", temperature=0.5, max_tokens=50)
    follow = {"conversation_id": first.conversation_id}
    assert "Bo" in (await way(client.stream, "What is my name?", **follow))[-1].reply.text


async def _bluenexus_create(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.conversations.create, "Vacation")
    assert one.id
    assert one.title == "Vacation"


async def _bluenexus_conversations(way: Way, client: Any, box: Sandbox) -> None:
    ids = {(await way(client.conversations.create)).id for _ in range(3)}
    found = await way(client.conversations.list, page_size=2)
    assert ids <= {one.id for one in found}


async def _bluenexus_messages(way: Way, client: Any, box: Sandbox) -> None:
    reply = await way(client.ask, "Hello")
    found = await way(client.conversations.messages, reply.conversation_id)
    assert [one.role for one in found] == ["user", "assistant"]
    assert found == await way(client.messages.history, reply.conversation_id)


async def _bluenexus_delete(way: Way, client: Any, box: Sandbox) -> None:
    id_ = (await way(client.conversations.create)).id
    await way(client.conversations.delete, id_)
    assert id_ not in {one.id for one in await way(client.conversations.list)}


# --- the operations ------------------------------------------------------------------------------

MAIAGENT = "MaiAgent, Conversations and Messages"
MAIAGENT_MORE = "MaiAgent, API reference"
CLOUDBASE = "CloudBase, Start Agent conversation"
CLOUDBASE_MORE = "CloudBase, AI bot HTTP API"
OPENAI = "CloudBase, Start Agent conversation (OpenAI protocol)"
PRIVATE_AI = "VMware Private AI Service, Create Assistant Chat Completion"
PRIVATE_AI_MORE = "VMware Private AI Service API"
BLUENEXUS = "BlueNexus, Agent Chat Completions"
BLUENEXUS_MORE = "BlueNexus, API reference"
BOT = "/v1/aibot/bots/{botId}"
PAIS = "/api/v1/compatibility/openai/v1"

OPERATIONS = (
    Operation(
        "cloudbase_openai",
        OPENAI,
        "Start Agent conversation",
        "POST /v1/aibot/openai/chat/completions",
        "CloudBaseOpenAI.ask CloudBaseOpenAI.stream",
        _openai_chat,
        "model messages messages.role messages.content stream",
    ),
    Operation(
        "cloudbase",
        CLOUDBASE,
        "Start Agent conversation",
        f"POST {BOT}/send-message",
        "CloudBase.ask CloudBase.stream",
        _cloudbase_chat,
        "msg history history.role history.content searchEnable files conversationId",
        RUNNING,
    ),
    Operation(
        "private_ai",
        PRIVATE_AI,
        "Create Assistant Chat Completion",
        f"POST {PAIS}/assistants/{{agent_id}}/chat/completions",
        "PrivateAI.ask PrivateAI.stream",
        _private_ai_chat,
        "create_session seed temperature n stop max_tokens stream model messages messages.role"
        " messages.content store_in_session",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS,
        "Agent Chat Completions",
        "POST /api/v1/agents/{agentId}/chat/completions",
        "BlueNexus.ask BlueNexus.stream",
        _bluenexus_chat,
        "messages stream temperature max_tokens conversationId",
    ),
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
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Create a conversation",
        f"POST {BOT}/conversation",
        "CloudBase.conversations.create",
        _cloudbase_create,
        "title",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "List conversations",
        f"GET {BOT}/conversation",
        "CloudBase.conversations.list",
        _cloudbase_conversations,
        "limit offset isDefault",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Rename a conversation",
        f"PATCH {BOT}/conversation/{{conversationId}}",
        "CloudBase.conversations.rename",
        _cloudbase_rename,
        "title",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Delete a conversation",
        f"DELETE {BOT}/conversation/{{conversationId}}",
        "CloudBase.conversations.delete",
        _cloudbase_delete,
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Get chat records",
        f"GET {BOT}/records",
        "CloudBase.records.list CloudBase.messages.list",
        _cloudbase_records,
        "sort pageSize pageNumber conversationId",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Send feedback",
        f"POST {BOT}/feedback",
        "CloudBase.feedback.send",
        _cloudbase_feedback,
        "recordId type botId comment rating tags input aiAnswer",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Get feedback",
        f"GET {BOT}/feedback",
        "CloudBase.feedback.list",
        _cloudbase_ratings,
        "type sender senderFilter minRating maxRating from to pageSize pageNumber",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Get recommended questions",
        f"POST {BOT}/recommend-questions",
        "CloudBase.recommend_questions",
        _cloudbase_questions,
        "name introduction agentSetting msg history",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "List agents",
        "GET /v1/aibot/bots",
        "CloudBase.agents.list",
        _agents,
        "pageNumber pageSize",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Get an agent",
        f"GET {BOT}",
        "CloudBase.agents.get",
        _agent,
        checked=VENDOR_CODE,
    ),
    Operation(
        "private_ai",
        PRIVATE_AI_MORE,
        "List agents",
        f"GET {PAIS}/agents",
        "PrivateAI.agents.list",
        _agents,
        "limit",
    ),
    Operation(
        "private_ai",
        PRIVATE_AI_MORE,
        "Get an agent",
        f"GET {PAIS}/agents/{{agent_id}}",
        "PrivateAI.agents.get",
        _agent,
    ),
    Operation(
        "private_ai",
        PRIVATE_AI_MORE,
        "List models",
        f"GET {PAIS}/models",
        "PrivateAI.models.list",
        _private_ai_models,
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "List agents",
        "GET /api/v1/agents",
        "BlueNexus.agents.list",
        _agents,
        "limit",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "Get an agent",
        "GET /api/v1/agents/{agentId}",
        "BlueNexus.agents.get",
        _agent,
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "Create a conversation",
        "POST /api/v1/agents/{agentId}/conversations",
        "BlueNexus.conversations.create",
        _bluenexus_create,
        "title",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "List conversations",
        "GET /api/v1/agents/{agentId}/conversations",
        "BlueNexus.conversations.list",
        _bluenexus_conversations,
        "page limit",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "List the messages of a conversation",
        "GET /api/v1/agents/{agentId}/conversations/{conversationId}/messages",
        "BlueNexus.conversations.messages BlueNexus.messages.history",
        _bluenexus_messages,
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "Delete a conversation",
        "DELETE /api/v1/agents/{agentId}/conversations/{conversationId}",
        "BlueNexus.conversations.delete",
        _bluenexus_delete,
    ),
    *people.OPERATIONS,
    *searches.OPERATIONS,
)

HEAD = """\
# Coverage

Every documented operation that this library speaks, and the method for it. Each method has a twin
with an `a` before its name for asyncio. The test of a row runs the method against the sandbox and
checks that this operation was asked for with all of its documented parameters. The first five
documents are those of the chat endpoints; the others describe their neighbours.

MaiAgent has every path below `/api` and below `/api/v1`; the first is asked first, then the other.

Generated by `python -m tests.resources.operations`; the tests fail when it is out of date.

`checked` says what stands behind a row: the vendor's documents alone, its published code that was
read, or its code that runs in our tests. No vendor's hosted service was asked.

| document | operation | request | method | checked | test |
|---|---|---|---|---|---|
"""


def table() -> str:
    """The page `docs/coverage.md`."""
    rows = (
        f"| {o.document} | {o.title} | `{o.http}` | {methods(o)} | {o.checked} | `{o.test}` |"
        for o in OPERATIONS
    )
    return HEAD + "\n".join(rows) + "\n"


def methods(operation: Operation) -> str:
    return ", ".join(f"`{name}`" for name in operation.methods.split())


if __name__ == "__main__":
    print(table(), end="")
