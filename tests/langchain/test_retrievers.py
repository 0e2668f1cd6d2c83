"""Sources as documents, in LangChain's suite and beyond it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import RetrieversIntegrationTests

from langchain_agents import AgentRetriever
from langchain_agents.retrievers import documents
from remote_agents import ConfigurationError, NotFoundError
from tests.langchain.recorded import recorded
from tests.langchain.services import CHAT, CITING, QUESTION, chat
from tests.raw_server import JSON, head, serving

FOUND = [(f"page-{number}.md", f"Passage {number}.") for number in range(5)]


class Retriever(RetrieversIntegrationTests):
    service = ""

    @property
    def retriever_constructor(self) -> type[AgentRetriever]:
        return AgentRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"model": recorded(self.service, FOUND)}

    @property
    def retriever_query_example(self) -> str:
        return "vacation days"


class TestCloudBase(Retriever):
    service = "cloudbase"


class TestPrivateAI(Retriever):
    service = "private_ai"


class TestMaiAgent(Retriever):
    service = "maiagent"


del Retriever  # it has no service: only its subclasses are to run


@pytest.mark.parametrize("service", CITING)
async def test_documents(sandbox: Any, service: str) -> None:
    retriever = AgentRetriever(model=chat(sandbox, service), k=2)
    config: Any = {"configurable": {"thread_id": "t"}}
    first, _ = retriever.invoke("How many vacation days do I get?", config)
    again, _ = await retriever.ainvoke("How many vacation days do I get?", config)
    assert first == again
    assert "25 vacation days" in first.page_content
    assert first.metadata["title"] == "vacation.md"
    assert 0 < first.metadata["score"] <= 1
    assert first.metadata["source"]
    ids = [turn["conversation_id"] for turn in sandbox.turns(service)]
    assert len(set(ids)) == len(ids) or set(ids) == {None}


SEARCHING = [name for name, kind in CHAT.items() if kind.endpoint.searches]
NAMED = [name for name, kind in CHAT.items() if kind.endpoint.searches == "knowledge_base"]


def searching(sandbox: Any, service: str, **settings: Any) -> AgentRetriever:
    knowledge_base = sandbox.agents[service].get("knowledge_base_id")
    return AgentRetriever(model=chat(sandbox, service), knowledge_base=knowledge_base, **settings)


class Search(RetrieversIntegrationTests):
    """The service's own search, in LangChain's suite."""

    service = ""

    @pytest.fixture(autouse=True)
    def _use(self, sandbox: Any) -> None:
        self.sandbox = sandbox

    @property
    def retriever_constructor(self) -> type[AgentRetriever]:
        return AgentRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        knowledge_base = self.sandbox.agents[self.service].get("knowledge_base_id")
        return {"model": chat(self.sandbox, self.service), "knowledge_base": knowledge_base}

    @property
    def retriever_query_example(self) -> str:
        return "How many vacation days and how much parental leave do employees get?"


class TestMaiAgentKnowledgeBase(Search):
    service = "maiagent"


class TestPrivateAIIndex(Search):
    service = "private_ai"


class TestBlueNexusMemories(Search):
    service = "bluenexus"


del Search  # it has no service: only its subclasses are to run


@pytest.mark.parametrize("service", CITING)
@pytest.mark.parametrize("most", [0, -1, "x", 1.0, True], ids=repr)
async def test_a_number_of_documents_that_cannot_be(sandbox: Any, service: str, most: Any) -> None:
    model = chat(sandbox, service)
    with pytest.raises(ConfigurationError, match="k"):
        AgentRetriever(model=model, k=most)
    retrievers = [AgentRetriever(model=model)]
    if model.endpoint.searches:
        retrievers.append(searching(sandbox, service))
    for retriever in retrievers:
        with pytest.raises(ConfigurationError, match="k must be at least 1"):
            retriever.invoke(QUESTION, k=most)
        with pytest.raises(ModelError, match="k must be at least 1"):
            await retriever.ainvoke(QUESTION, k=most)
    assert sandbox.requests(service) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"top_k": 1}, "AgentRetriever has no argument 'top_k'"),
        ({"search_kwargs": {"k": 1}}, "no argument 'search_kwargs'"),
        ({"knowledge_bas": "a"}, "did you mean 'knowledge_base'"),
        ({"knowledge_base": 5}, "knowledge_base: it should be a valid string"),
        ({"model": "bluenexus"}, "takes a chat model of this library, not str"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused(sandbox: Any, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        AgentRetriever(**{"model": chat(sandbox, "maiagent"), **wrong})
    assert isinstance(caught.value, ModelError)
    with pytest.raises(ConfigurationError, match="model: Field required"):
        AgentRetriever()


def test_the_best_scored_are_kept() -> None:
    cited = [
        {"title": "named.md", "score": 0.99},
        {"title": "low.md", "text": "Low.", "score": 0.2},
        {"title": "high.md", "text": "High.", "score": 0.9},
        {"title": "unscored.md", "text": "Unscored."},
    ]
    found = documents(AIMessage("x", additional_kwargs={"citations": cited}), 3)
    assert [one.metadata["title"] for one in found] == ["high.md", "low.md", "unscored.md"]


@pytest.mark.parametrize("service", SEARCHING)
async def test_the_services_own_search_asks_no_agent(sandbox: Any, service: str) -> None:
    retriever = searching(sandbox, service, k=2)
    first, _ = retriever.invoke(QUESTION)
    assert retriever.invoke(QUESTION) == await retriever.ainvoke(QUESTION)
    assert "25 vacation days" in first.page_content
    assert first.metadata["title"] == "vacation.md"
    assert 0 < first.metadata["score"] <= 1
    assert first.metadata["source"]
    assert len(await retriever.ainvoke(QUESTION, k=1)) == 1
    assert sandbox.turns(service) == []


HITS: dict[str, Any] = {
    "maiagent": {"chatbot_file": {"filename": "a.md"}},
    "private_ai": {"origin_name": "a.md"},
    "bluenexus": {"source": "a.md"},
}


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("service", HITS)
async def test_a_passage_that_a_search_finds_twice_is_one(
    sandbox: Any, service: str, awaited: bool
) -> None:
    hits = [{"text": text, "score": 0.5, **HITS[service]} for text in ("One.", "One.", "Two.")]
    body = json.dumps({"results": hits}).encode()
    with serving([head(JSON, length=len(body)), body]) as server:
        asked = sandbox.kwargs(service) | {"base_url": server.url}
        base: dict[str, Any] = {} if service == "bluenexus" else {"knowledge_base": "kb/index"}
        retriever = AgentRetriever(model=CHAT[service](**asked), **base)
        found = await retriever.ainvoke("Hi") if awaited else retriever.invoke("Hi")
    assert [one.page_content for one in found] == ["One.", "Two."]


@pytest.mark.parametrize("service", NAMED)
async def test_a_knowledge_base_that_is_not_there(sandbox: Any, service: str) -> None:
    retriever = AgentRetriever(model=chat(sandbox, service), knowledge_base=NOWHERE)
    with pytest.raises(NotFoundError, match="nowledge"):
        retriever.invoke(QUESTION)
    with pytest.raises(ModelError):
        await retriever.ainvoke(QUESTION)


NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "service", [name for name in CHAT if name not in ("maiagent", "private_ai")]
)
def test_a_service_without_knowledge_bases_takes_none(sandbox: Any, service: str) -> None:
    with pytest.raises(ConfigurationError, match="leave knowledge_base out"):
        AgentRetriever(model=chat(sandbox, service), knowledge_base="kb")


@pytest.mark.parametrize("service", CHAT)
def test_an_empty_knowledge_base_is_refused(sandbox: Any, service: str) -> None:
    with pytest.raises(ConfigurationError, match="knowledge_base is empty"):
        AgentRetriever(model=chat(sandbox, service), knowledge_base="")


WITHOUT = [name for name in CHAT if name not in CITING and name not in SEARCHING]


@pytest.mark.parametrize("service", WITHOUT)
def test_a_service_without_sources_is_refused(sandbox: Any, service: str) -> None:
    with pytest.raises(ConfigurationError, match="does not say where its answers are from"):
        AgentRetriever(model=chat(sandbox, service))


def test_a_cloudbase_agent_of_the_kind_that_names_no_sources_is_refused(sandbox: Any) -> None:
    for about in ({"agent_id": "agent-handbook"}, {"dialect": "ag-ui"}):
        with pytest.raises(ConfigurationError, match="does not say where its answers are from"):
            AgentRetriever(model=chat(sandbox, "cloudbase", **about))
