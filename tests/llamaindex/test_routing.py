"""An agent as the one that selects engines and plans sub-questions, in JSON shown by example."""

from typing import Any

import pytest
from llama_index.core.query_engine import RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.tools import QueryEngineTool

from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import QUESTION, SERVICES, Build

PHISHING = "What should I do with a phishing mail?"
BOTH = f"{QUESTION} {PHISHING}"
ROUTES = {QUESTION: ["hr"], PHISHING: ["it"], BOTH: ["hr", "it"]}
TOOLS = {"hr": "maiagent", "it": "cloudbase"}


def tools(build: Build) -> list[QueryEngineTool]:
    """Two agents that cite, told apart by what their descriptions say."""
    return [
        build(TOOLS["hr"]).as_tool("hr", "Vacation days, sick leave and parental leave."),
        build(TOOLS["it"]).as_tool("it", "Laptops, passwords and phishing mails."),
    ]


def asked(sandbox: Sandbox) -> list[tuple[str, str]]:
    """The service and the last message of each turn."""
    return [(turn["endpoint"], turn["messages"][-1]["content"]) for turn in sandbox.turns()]


def cited(response: Any) -> set[str]:
    """The tools that the sources of a response are from: only CloudBase names a knowledge base."""
    sources = [n.metadata for n in response.source_nodes if "title" in n.metadata]
    return {"it" if "knowledge_base" in metadata else "hr" for metadata in sources}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("question", "select_multi"),
    [(QUESTION, False), (PHISHING, False), (QUESTION, True), (PHISHING, True), (BOTH, True)],
)
@pytest.mark.parametrize("service", SERVICES)
async def test_router(
    sandbox: Sandbox,
    build: Build,
    service: str,
    question: str,
    select_multi: bool,
    is_async: bool,
) -> None:
    """The agent selects in JSON, as LlamaIndex's default selectors ask it to."""
    engine = RouterQueryEngine.from_defaults(
        tools(build), llm=build(service), select_multi=select_multi
    )
    response = await engine.aquery(question) if is_async else engine.query(question)
    chosen = {TOOLS[name] for name in ROUTES[question]}
    (selecting, prompt), *rest = asked(sandbox)
    assert selecting == service
    assert "ONLY JSON" in prompt
    assert {endpoint for endpoint, text in rest if text == question} == chosen
    assert len(rest) == (1 if len(chosen) == 1 else 3)  # the third puts both answers together
    selected = response.metadata["selector_result"].selections
    assert {selection.index for selection in selected} == {
        list(TOOLS).index(name) for name in ROUTES[question]
    }
    assert all(selection.reason for selection in selected)
    assert ("25 vacation days" if question == QUESTION else "phishing") in str(response)
    assert cited(response) == set(ROUTES[question])


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("question", ROUTES)
@pytest.mark.parametrize("service", SERVICES)
async def test_sub_questions(
    sandbox: Sandbox, build: Build, service: str, question: str, is_async: bool
) -> None:
    """The agent plans in JSON, as LlamaIndex's default question generator asks it to."""
    llm = build(service)
    engine = SubQuestionQueryEngine.from_defaults(
        tools(build),
        llm=llm,
        question_gen=LLMQuestionGenerator.from_defaults(llm=llm),
        verbose=False,
        use_async=is_async,
    )
    response = await engine.aquery(question) if is_async else engine.query(question)
    told = {"hr": QUESTION, "it": PHISHING}
    (planning, prompt), *middle, (composing, _) = asked(sandbox)
    assert planning == composing == service
    assert "json markdown" in prompt
    assert sorted(middle) == sorted((TOOLS[name], told[name]) for name in ROUTES[question])
    assert ("25 vacation days" if question == QUESTION else "phishing") in str(response)
    assert cited(response) == set(ROUTES[question])
