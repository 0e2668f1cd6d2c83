"""The operations of MaiAgent that find one chatbot, and what a contact talked about."""

from __future__ import annotations

from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way
from tests.resources.operation import VENDOR_CODE, Operation


async def _chatbot(way: Way, client: Any, box: Sandbox) -> None:
    one = await way(client.chatbots.get)
    assert (one.id, one.name) == (client.agent.agent_id, "Handbook")
    assert one == await way(client.chatbots.get, one.id)


async def _conversations(way: Way, client: Any, box: Sandbox) -> None:
    contact, reply = await _talked(way, client)
    found = await way(client.contacts.conversations, contact, page_size=1, inboxes="any")
    assert [one.id for one in found] == [reply.conversation_id]
    for keyword, count in (("vacation", 1), ("spaceship", 0)):
        hits = await way(client.contacts.conversations, contact, keyword=keyword)
        assert len(hits) == count


async def _latest(way: Way, client: Any, box: Sandbox) -> None:
    contact, _ = await _talked(way, client)
    reply = await way(client.ask, "Hello", sender=contact)
    latest = await way(client.contacts.latest_conversation, contact)
    assert latest.id == reply.conversation_id


async def _talked(way: Way, client: Any) -> tuple[str, Any]:
    contact = (await way(client.contacts.create, "Bo")).id
    return contact, await way(client.ask, "How many vacation days do I get?", sender=contact)


DOCUMENT = "MaiAgent, API reference"
CONTACT = "/api/contacts/{id}/conversations"
OPERATIONS = (
    Operation(
        "maiagent",
        DOCUMENT,
        "Get a chatbot",
        "GET /api/chatbots/{id}/",
        "MaiAgent.chatbots.get",
        _chatbot,
        checked=VENDOR_CODE,
    ),
    Operation(
        "maiagent",
        DOCUMENT,
        "List the conversations of a contact",
        f"GET {CONTACT}",
        "MaiAgent.contacts.conversations",
        _conversations,
        "keyword inboxes limit",
        VENDOR_CODE,
    ),
    Operation(
        "maiagent",
        DOCUMENT,
        "Get the latest conversation of a contact",
        f"GET {CONTACT}/latest",
        "MaiAgent.contacts.latest_conversation",
        _latest,
        checked=VENDOR_CODE,
    ),
)
