"""The services' own searches as LlamaIndex retrievers, and the services that have none."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.llms.mock import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine

from llamaindex_agents import (
    AgentChatEngine,
    AgentQueryEngine,
    AgentRecordsReader,
    AgentRetriever,
    AskPerson,
    RemoteChatStore,
)
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


def test_a_cloudbase_agent_of_the_kind_that_names_no_sources_is_refused(build: Build) -> None:
    for about in ({"agent_id": "agent-handbook"}, {"dialect": "ag-ui"}):
        with pytest.raises(ConfigurationError, match="does not say where its answers are from"):
            build("cloudbase", **about).as_retriever()


@pytest.mark.parametrize("service", SEARCHING)
@pytest.mark.parametrize("most", [0, -1, "x", True], ids=repr)
async def test_a_search_for_less_than_one_passage_is_refused(
    sandbox: Sandbox, build: Build, service: str, most: Any
) -> None:
    client = build(service).client
    place = sandbox.agents[service].get("knowledge_base_id")
    with pytest.raises(ConfigurationError, match="top_k must be at least 1"):
        client.search(QUESTION, knowledge_base=place, top_k=most)
    with pytest.raises(ConfigurationError, match="top_k must be at least 1"):
        await client.asearch(QUESTION, knowledge_base=place, top_k=most)
    at, named = {
        "maiagent": ("knowledge_bases", [place]),
        "private_ai": ("indexes", [place, "index"]),
        "bluenexus": ("memories", []),
    }[service]
    with pytest.raises(ConfigurationError, match="top_k must be at least 1"):
        getattr(client, at).search(*named, QUESTION, top_k=most)
    assert sandbox.requests(service) == []


@pytest.mark.parametrize(
    "kind", [AgentRetriever, AgentQueryEngine, AgentChatEngine, AskPerson], ids=str
)
def test_what_is_no_llm_of_ours_is_refused(build: Build, kind: Any) -> None:
    for other in (build("maiagent").client, MockLLM(), None):
        with pytest.raises(ConfigurationError, match="takes an LLM of this library, not"):
            kind(other)


def test_wrong_arguments_of_stores_and_readers_are_refused(build: Build) -> None:
    client = build("maiagent").client
    for wrong, said in (
        ({"client": client, "conversation": {"a": "b"}}, "did you mean 'conversations'"),
        ({"client": client, "cache_seconds": "x"}, "cache_seconds: it should be a valid number"),
        ({}, "client: Field required"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            RemoteChatStore(**wrong)
    with pytest.raises(ConfigurationError, match="no argument 'agent'"):
        AgentRecordsReader(agent=client)


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
        ({"similarity_top_k": "x"}, "similarity_top_k must be at least 1"),
        ({"similarity_top_k": 1.5}, "similarity_top_k must be at least 1"),
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
