"""Sources as documents, in LangChain's suite and beyond it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_tests.integration_tests import RetrieversIntegrationTests

from langchain_agents import AgentRetriever
from remote_agents import ConfigurationError
from tests.langchain.recorded import recorded
from tests.langchain.services import CHAT, CITING, chat

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


@pytest.mark.parametrize("service", [name for name in CHAT if name not in CITING])
def test_a_service_without_sources_is_refused(sandbox: Any, service: str) -> None:
    with pytest.raises(ConfigurationError, match="does not say where its answers are from"):
        AgentRetriever(model=chat(sandbox, service))
