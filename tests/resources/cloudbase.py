"""CloudBase's operations beside the chat: conversations, records, feedback, questions."""

from __future__ import annotations

from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources.calls import (
    Way,
    create_conversation,
    get_agent,
    list_agents,
    list_conversations,
)
from tests.resources.operation import VENDOR_CODE, Operation

FIRST, LAST = "2024-01-01", "2024-12-31"
WHO = {"role": "user", "content": "My name is Bo."}
SAID = {"role": "assistant", "content": "Hello Bo."}
CLOUDBASE_MORE = "CloudBase, AI bot HTTP API"
BOT = "/v1/aibot/bots/{botId}"


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


OPERATIONS = (
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Create a conversation",
        f"POST {BOT}/conversation",
        "CloudBase.conversations.create",
        create_conversation,
        "title",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "List conversations",
        f"GET {BOT}/conversation",
        "CloudBase.conversations.list",
        list_conversations,
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
        list_agents,
        "pageNumber pageSize",
        checked=VENDOR_CODE,
    ),
    Operation(
        "cloudbase",
        CLOUDBASE_MORE,
        "Get an agent",
        f"GET {BOT}",
        "CloudBase.agents.get",
        get_agent,
        checked=VENDOR_CODE,
    ),
)
