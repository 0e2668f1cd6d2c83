"""The operations that look for passages without asking a model."""

from __future__ import annotations

from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way
from tests.resources.operation import DOCUMENTS, VENDOR_CODE, Operation

QUERY = "How many vacation days do I get?"


async def _maiagent_list(way: Way, client: Any, box: Sandbox) -> None:
    (one,) = await way(client.knowledge_bases.list, page_size=10)
    assert (one.id, one.name) == (box.agents["maiagent"]["knowledge_base_id"], "Handbook")


async def _maiagent_get(way: Way, client: Any, box: Sandbox) -> None:
    id_ = box.agents["maiagent"]["knowledge_base_id"]
    assert (await way(client.knowledge_bases.get, id_)).id == id_


async def _maiagent_search(way: Way, client: Any, box: Sandbox) -> None:
    id_ = box.agents["maiagent"]["knowledge_base_id"]
    found = await way(client.knowledge_bases.search, id_, QUERY, top_k=2)
    _check(found)
    assert found[0].extra == {"page_number": 1}
    assert found == await way(client.search, QUERY, knowledge_base=id_, top_k=2)


async def _private_ai_list(way: Way, client: Any, box: Sandbox) -> None:
    (one,) = await way(client.knowledge_bases.list, page_size=10)
    assert (one.id, one.name) == (box.agents["private_ai"]["knowledge_base_id"], "Handbook")


async def _private_ai_get(way: Way, client: Any, box: Sandbox) -> None:
    id_ = box.agents["private_ai"]["knowledge_base_id"]
    assert (await way(client.knowledge_bases.get, id_)).id == id_


async def _private_ai_indexes(way: Way, client: Any, box: Sandbox) -> None:
    ids = box.agents["private_ai"]
    (one,) = await way(client.indexes.list, ids["knowledge_base_id"], page_size=10)
    assert (one.id, one.status) == (ids["index_id"], "DONE")


async def _private_ai_search(way: Way, client: Any, box: Sandbox) -> None:
    ids = box.agents["private_ai"]
    where = ids["knowledge_base_id"], ids["index_id"]
    found = await way(client.indexes.search, *where, QUERY, top_k=2, similarity_cutoff=0.1)
    _check(found)
    assert found[0].url
    assert found == await way(client.indexes.search, *where, QUERY)  # two is the default
    for place in (where[0], "/".join(where)):
        assert found == await way(client.search, QUERY, knowledge_base=place, top_k=2)


async def _bluenexus_list(way: Way, client: Any, box: Sandbox) -> None:
    found = await way(client.memories.list, page_size=2)
    assert any("25 vacation days" in one.content for one in found)


async def _bluenexus_search(way: Way, client: Any, box: Sandbox) -> None:
    found = await way(client.memories.search, QUERY, top_k=2)
    _check(found)
    assert found == await way(client.search, QUERY, top_k=2)


def _check(found: list[Any]) -> None:
    first, _ = found
    assert "25 vacation days" in first.text
    assert first.title == "vacation.md"
    assert 0 < first.score <= 1
    assert first.id


MAIAGENT, PRIVATE_AI = "MaiAgent, API reference", "VMware Private AI Service API"
BLUENEXUS = "BlueNexus, API reference"
KNOWLEDGE = "/api/v1/control/knowledge-bases"
MEMORIES = "/api/v1/agents/{agentId}/memories"

OPERATIONS = (
    Operation(
        "maiagent",
        MAIAGENT,
        "List knowledge bases",
        "GET /api/knowledge-bases/",
        "MaiAgent.knowledge_bases.list",
        _maiagent_list,
        "pageSize",
        VENDOR_CODE,
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Get a knowledge base",
        "GET /api/knowledge-bases/{id}/",
        "MaiAgent.knowledge_bases.get",
        _maiagent_get,
        checked=VENDOR_CODE,
    ),
    Operation(
        "maiagent",
        MAIAGENT,
        "Search a knowledge base",
        "POST /api/knowledge-bases/{id}/search/",
        "MaiAgent.knowledge_bases.search MaiAgent.search",
        _maiagent_search,
        "query",
        VENDOR_CODE,
    ),
    Operation(
        "private_ai",
        PRIVATE_AI,
        "List knowledge bases",
        f"GET {KNOWLEDGE}",
        "PrivateAI.knowledge_bases.list",
        _private_ai_list,
        "limit",
    ),
    Operation(
        "private_ai",
        PRIVATE_AI,
        "Get a knowledge base",
        f"GET {KNOWLEDGE}/{{id}}",
        "PrivateAI.knowledge_bases.get",
        _private_ai_get,
    ),
    Operation(
        "private_ai",
        PRIVATE_AI,
        "List indexes",
        f"GET {KNOWLEDGE}/{{id}}/indexes",
        "PrivateAI.indexes.list",
        _private_ai_indexes,
        "limit",
    ),
    Operation(
        "private_ai",
        PRIVATE_AI,
        "Search documents",
        f"POST {KNOWLEDGE}/{{id}}/indexes/{{indexId}}/search",
        "PrivateAI.indexes.search PrivateAI.search",
        _private_ai_search,
        "text top_k similarity_cutoff",
    ),
    Operation(
        "bluenexus",
        BLUENEXUS,
        "List memories",
        f"GET {MEMORIES}",
        "BlueNexus.memories.list",
        _bluenexus_list,
        "limit",
        DOCUMENTS,
    ),
    Operation(
        "bluenexus",
        BLUENEXUS,
        "Search memories",
        f"GET {MEMORIES}/search",
        "BlueNexus.memories.search BlueNexus.search",
        _bluenexus_search,
        "query",
        DOCUMENTS,
    ),
)
