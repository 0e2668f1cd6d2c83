"""The services' own searches as LlamaIndex retrievers, and the services that have none."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.query_engine import RetrieverQueryEngine

from llamaindex_agents import AgentRetriever
from remote_agents import ConfigurationError, NotFoundError
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from tests.llamaindex.conftest import CITING, QUESTION, SERVICES, Build

SEARCHING = [name for name in SERVICES if ENDPOINTS[name].searches]
WITHOUT = [name for name in SERVICES if name not in CITING and name not in SEARCHING]
NAMED = [name for name in SERVICES if ENDPOINTS[name].searches == "knowledge_base"]


@pytest.mark.parametrize("service", SEARCHING)
async def test_the_services_own_search_asks_no_agent(
    sandbox: Sandbox, build: Build, service: str
) -> None:
    knowledge_base = sandbox.agents[service].get("knowledge_base_id")
    retriever = build(service).as_retriever(similarity_top_k=2, knowledge_base=knowledge_base)
    found = retriever.retrieve(QUESTION)
    assert [n.node_id for n in found] == [n.node_id for n in await retriever.aretrieve(QUESTION)]
    first, second = found
    assert "25 vacation days" in first.text
    assert first.metadata["title"] == "vacation.md"
    assert 1 >= first.score >= second.score > 0
    assert sandbox.turns(service) == []


def test_a_hosted_knowledge_base_feeds_another_model(sandbox: Sandbox, build: Build) -> None:
    knowledge_base = sandbox.agents["maiagent"]["knowledge_base_id"]
    retriever = build("maiagent").as_retriever(knowledge_base=knowledge_base)
    engine = RetrieverQueryEngine.from_args(retriever, llm=build("private_ai"))
    response = engine.query(QUESTION)
    assert "25 vacation days" in str(response)
    assert response.source_nodes[0].metadata["title"] == "vacation.md"
    assert sandbox.turns("maiagent") == []


@pytest.mark.parametrize("service", WITHOUT)
def test_a_service_without_sources_is_refused(build: Build, service: str) -> None:
    with pytest.raises(ConfigurationError, match="does not say where its answers are from"):
        build(service).as_retriever()


@pytest.mark.parametrize("service", [name for name in SERVICES if name not in NAMED])
def test_a_service_without_knowledge_bases_takes_none(build: Build, service: str) -> None:
    with pytest.raises(ConfigurationError, match="leave knowledge_base out"):
        AgentRetriever(build(service), knowledge_base="kb")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"knowledge_base": ""}, "knowledge_base is empty"),
        ({"knowledge_base": " "}, "knowledge_base is empty"),
        ({"similarity_top_k": 0}, "similarity_top_k must be at least 1"),
    ],
    ids=str,
)
def test_an_empty_value_is_refused(build: Build, service: str, what: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        build(service).as_retriever(**what)


@pytest.mark.parametrize("service", NAMED)
async def test_a_knowledge_base_that_is_not_there(build: Build, service: str) -> None:
    retriever = AgentRetriever(
        build(service), knowledge_base="00000000-0000-4000-8000-000000000000"
    )
    with pytest.raises(NotFoundError, match="nowledge"):
        retriever.retrieve(QUESTION)
    with pytest.raises(NotFoundError, match="nowledge"):
        await retriever.aretrieve(QUESTION)
