"""Sources as documents, in LangChain's suite and beyond it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import ModelError
from langchain_tests.integration_tests import RetrieversIntegrationTests

from langchain_agents import AgentRetriever
from remote_agents import ConfigurationError, NotFoundError
from tests.langchain.recorded import recorded
from tests.langchain.services import CHAT, CITING, QUESTION, chat

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
