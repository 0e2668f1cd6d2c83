"""Every operation of the five services that this library speaks, and how it is asked for.

`python -m tests.resources.operations` prints `docs/coverage.md`; `test_operations.py` runs each
operation against the sandbox and compares what was sent with what is documented.
"""

from __future__ import annotations

from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources import cloudbase, maiagent, people, searches
from tests.resources.calls import (
    Way,
    create_conversation,
    get_agent,
    list_agents,
    list_conversations,
)
from tests.resources.operation import RUNNING, Operation

FIRST, LAST = "2024-01-01", "2024-12-31"
WHO = {"role": "user", "content": "My name is Bo."}
SAID = {"role": "assistant", "content": "Hello Bo."}


# --- what each of them does ----------------------------------------------------------------------


async def _openai_chat(way: Way, client: Any, box: Sandbox) -> None:
    assert (await way(client.ask, "How many vacation days do I get?")).text
    assert (await way(client.stream, "Hello"))[-1].reply.text


async def _cloudbase_chat(way: Way, client: Any, box: Sandbox) -> None:
    files = ["https://example.com/plan.pdf"]
    await way(client.ask, [WHO, SAID, "What is my name?"], search_enable=True, files=files)
    id_ = (await way(client.conversations.create)).id
    assert (await way(client.stream, "Hello", conversation_id=id_))[-1].reply.text


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

CLOUDBASE = "CloudBase, Start Agent conversation"
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
    *maiagent.OPERATIONS,
    *cloudbase.OPERATIONS,
    Operation(
        "private_ai",
        PRIVATE_AI_MORE,
        "List agents",
        f"GET {PAIS}/agents",
        "PrivateAI.agents.list",
        list_agents,
        "limit",
    ),
    Operation(
        "private_ai",
        PRIVATE_AI_MORE,
        "Get an agent",
        f"GET {PAIS}/agents/{{agent_id}}",
        "PrivateAI.agents.get",
        get_agent,
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
        list_agents,
        "limit",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "Get an agent",
        "GET /api/v1/agents/{agentId}",
        "BlueNexus.agents.get",
        get_agent,
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "Create a conversation",
        "POST /api/v1/agents/{agentId}/conversations",
        "BlueNexus.conversations.create",
        create_conversation,
        "title",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS_MORE,
        "List conversations",
        "GET /api/v1/agents/{agentId}/conversations",
        "BlueNexus.conversations.list",
        list_conversations,
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
