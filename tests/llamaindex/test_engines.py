"""The agent itself as query engine, chat engine, retriever, tool, and as chat store."""

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.query_engine import RetrieverQueryEngine

from llamaindex_agents import AgentQueryEngine, AgentRetriever, RemoteChatStore
from remote_agents import InMemorySessionStore, UnsupportedContentError
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import (
    CITING,
    FOLLOW_UP,
    HOW,
    KEEPING,
    LISTING,
    PART_TIME,
    QUESTION,
    SERVICES,
    Build,
    chatted,
)


async def queried(engine: AgentQueryEngine, is_async: bool) -> tuple[str, Any]:
    """The text of an answer, streamed or not, and the response after it has ended."""
    response = await engine.aquery(QUESTION) if is_async else engine.query(QUESTION)
    if hasattr(response, "async_response_gen"):
        assert response.source_nodes == []
        return "".join([token async for token in response.async_response_gen()]), response
    if hasattr(response, "response_gen"):
        assert response.source_nodes == []
        return "".join(response.response_gen), response
    return response.response, response


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("service", SERVICES)
async def test_query_engine(build: Build, service: str, streaming: bool, is_async: bool) -> None:
    llm = build(service)
    text, response = await queried(llm.as_query_engine(streaming=streaming), is_async)
    assert "25 vacation days" in text
    assert response.metadata["agent"] == llm.agent.name
    assert response.metadata["finish_reason"] == "stop"
    assert response.metadata["request_id"]
    assert bool(response.source_nodes) == (service in CITING)
    for node in response.source_nodes:
        assert node.node.text
        assert node.score > 0
        assert node.metadata["title"] == "vacation.md"
        assert node.metadata["url"].endswith("/documents/vacation.md")
    assert len({node.node_id for node in response.source_nodes}) == len(response.source_nodes)


@pytest.mark.parametrize("service", KEEPING)
def test_a_query_of_a_bound_llm_is_a_turn(build: Build, service: str) -> None:
    alice = build(service, session_store=InMemorySessionStore()).for_session("alice")
    engine = alice.as_query_engine()
    first, second = engine.query(QUESTION), engine.query(FOLLOW_UP)
    assert str(second).startswith(PART_TIME)
    assert first.metadata["conversation_id"] == second.metadata["conversation_id"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("service", CITING)
async def test_retriever(build: Build, service: str, is_async: bool) -> None:
    retriever = AgentRetriever(llm=build(service), similarity_top_k=1)
    found = [
        await retriever.aretrieve(QUESTION) if is_async else retriever.retrieve(QUESTION)
        for _ in range(2)
    ]
    assert [node.node_id for node in found[0]] == [node.node_id for node in found[1]]
    assert len(found[0]) == 1
    assert "25 vacation days" in found[0][0].text
    assert 0 < found[0][0].score < 1
    wide = build(service).as_retriever(similarity_top_k=8).retrieve(QUESTION)
    assert [node.score for node in wide] == sorted((n.score for n in wide), reverse=True)


def test_the_retriever_of_one_agent_feeds_another(build: Build) -> None:
    engine = RetrieverQueryEngine.from_args(
        build("maiagent").as_retriever(), llm=build("bluenexus")
    )
    response = engine.query(QUESTION)
    assert "25 vacation days" in str(response)
    assert response.source_nodes[0].metadata["title"] == "vacation.md"


def test_the_system_prompt_of_an_llm_goes_along(sandbox: Sandbox, build: Build) -> None:
    build("bluenexus", system_prompt="Be brief.").as_query_engine().query(QUESTION)
    sent = sandbox.turns("bluenexus")[-1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user"]


# --- chat engine -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("service", SERVICES)
async def test_chat_engine(sandbox: Sandbox, build: Build, service: str, how: str) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    assert "25 vacation days" in (await chatted(engine, how, QUESTION))[0]
    text, answer = await chatted(engine, how, FOLLOW_UP)
    assert text.startswith(PART_TIME)
    assert bool(answer.source_nodes) == (service in CITING)
    assert bool(answer.sources) == (service in ("ag_ui", "cloudbase"))
    again = llm.as_chat_engine("alice")
    assert (await chatted(again, how, "And after five years?"))[0]
    history = engine.chat_history
    if service in LISTING:
        history = again.chat_history
        assert len(history) == 6
    assert [m.role.value for m in history[:4]] == ["user", "assistant"] * 2
    assert (history[0].content, history[2].content) == (QUESTION, FOLLOW_UP)
    if service in KEEPING:
        assert sandbox.turns(service)[-1]["messages"][-1]["content"] == "And after five years?"


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("given", [None, 7, b"Hi", ChatMessage("Hi")])
async def test_an_engine_takes_a_text(sandbox: Sandbox, build: Build, given: Any, how: str) -> None:
    with pytest.raises(UnsupportedContentError, match="An engine takes a text, not"):
        await chatted(build("bluenexus").as_chat_engine(), how, given)
    assert not sandbox.requests()


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("service", LISTING)
def test_where_a_service_lists_nothing_an_engine_tells_what_it_said(
    sandbox: Sandbox, build: Build, service: str, status: int
) -> None:
    """As Tencent's own agent server, which only answers."""
    llm = build(service, session_store=InMemorySessionStore(), max_retries=0)
    engine, store = llm.as_chat_engine("alice"), RemoteChatStore(client=llm.client)
    answer = engine.chat(QUESTION)
    sandbox.fail_next(status=status, endpoint=service, match="/", times=2)
    assert [m.content for m in engine.chat_history] == [QUESTION, answer.response]
    assert store.get_messages("alice") == []
    assert str(engine.chat(FOLLOW_UP)).startswith(PART_TIME)


@pytest.mark.parametrize("service", KEEPING)
def test_a_reset_begins_a_new_conversation(build: Build, service: str) -> None:
    llm = build(service, session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    engine.chat(QUESTION)
    before = llm.agent.session("alice").conversation_id
    engine.reset()
    assert engine.chat_history == []
    assert not str(engine.chat(FOLLOW_UP)).startswith(PART_TIME)
    assert llm.agent.session("alice").conversation_id != before


@pytest.mark.parametrize("how", HOW)
async def test_a_history_that_is_passed_in_is_told(build: Build, how: str) -> None:
    history = [ChatMessage(QUESTION), ChatMessage(role="assistant", content="25 days.")]
    engine = build("private_ai", session_store=InMemorySessionStore()).as_chat_engine()
    text, _ = await chatted(engine, how, FOLLOW_UP, chat_history=history)
    assert text.startswith(PART_TIME)
    assert len(engine.chat_history) == 4


def test_a_lost_conversation_is_started_anew(sandbox: Sandbox, build: Build) -> None:
    llm = build("private_ai", session_store=InMemorySessionStore())
    engine = llm.as_chat_engine("alice")
    engine.chat(QUESTION)
    sandbox.expire_conversations()
    with pytest.warns(UserWarning, match="no longer has conversation"):
        assert str(engine.chat(FOLLOW_UP)).startswith(PART_TIME)


# --- tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_tool_keeps_the_response(build: Build, is_async: bool) -> None:
    tool = build("maiagent").as_tool(name="handbook", description="Knows the handbook.")
    output = await tool.acall(QUESTION) if is_async else tool.call(QUESTION)
    assert tool.metadata.name == "handbook"
    assert "25 vacation days" in output.content
    assert output.raw_output.source_nodes[0].metadata["title"] == "vacation.md"
    assert build("maiagent").as_tool().metadata.name.startswith("maiagent_")
