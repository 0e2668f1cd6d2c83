"""Whose conversation a call belongs to, and that no hidden prompt ever gets into it."""

import asyncio
import copy
import itertools
import pickle
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core import PromptTemplate, VectorStoreIndex
from llama_index.core.async_utils import run_jobs
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.memory import ChatSummaryMemoryBuffer, FactExtractionMemoryBlock
from llama_index.core.postprocessor.rankGPT_rerank import RankGPTRerank
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import NodeWithScore
from pydantic import BaseModel

from llamaindex_agents import MaiAgent, session
from remote_agents import ENDPOINTS, ConfigurationError, InMemorySessionStore, SQLSessionStore
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import (
    COMPLETE,
    FOLLOW_UP,
    KEEPING,
    QUESTION,
    SERVICES,
    STREAMED,
    WAYS,
    Build,
    last,
    responses,
)
from tests.llamaindex.local import HashedWords, memory, passages

ASK, GO_ON = [ChatMessage(QUESTION)], [ChatMessage(FOLLOW_UP)]
PART_TIME = "Part-time staff receive vacation days"


def said(sandbox: Sandbox, llm: Any, session_id: str | None = None) -> list[str]:
    """What users said in the conversation of an LLM's session, as the server holds it."""
    known = llm.agent.session(session_id or llm.session_id)
    messages = sandbox.conversation(llm.endpoint.name, known.conversation_id)
    return [message["content"] for message in messages if message["role"] == "user"]


# --- whose turn it is --------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", KEEPING)
async def test_a_bound_llm_continues(
    sandbox: Sandbox, build: Build, service: str, way: str
) -> None:
    alice = build(service, session_store=InMemorySessionStore()).for_session("alice")
    first = (await last(alice, way, ASK)).message
    second = (await last(alice, way, GO_ON)).message
    assert second.content.startswith(PART_TIME)
    ids = [m.additional_kwargs["conversation_id"] for m in (first, second)]
    assert ids[0] == ids[1]
    assert said(sandbox, alice) == [QUESTION, FOLLOW_UP]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", KEEPING)
async def test_only_what_is_new_is_sent(
    sandbox: Sandbox, build: Build, service: str, way: str
) -> None:
    alice = build(service, session_store=InMemorySessionStore()).for_session("alice")
    first = (await last(alice, way, ASK)).message
    context = ChatMessage(role="system", content="Context: there is a canteen.")
    await last(alice, way, [*ASK, first, context, *GO_ON])
    sent = sandbox.turns(service)[-1]["messages"]
    if service == "ag_ui":  # the thread drops what it knows
        assert [message["content"] for message in sent] == [context.content, FOLLOW_UP]
        return
    if ENDPOINTS[service].context:  # the history goes along, marked as such
        assert [message["content"] for message in sent[:-1]][:2] == [QUESTION, first.content]
        sent = sent[-1:]
    text = " ".join(message["content"] for message in sent)
    assert "canteen" in text
    assert FOLLOW_UP in text
    assert QUESTION not in text


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("service", SERVICES)
async def test_an_unbound_llm_is_stateless(
    sandbox: Sandbox, build: Build, service: str, way: str
) -> None:
    llm = build(service)
    first = (await last(llm, way, ASK)).message
    second = (await last(llm, way, [*ASK, first, *GO_ON])).message
    assert second.content.startswith(PART_TIME)
    one, two = sandbox.turns(service)
    assert two["conversation_id"] != one["conversation_id"] or two["conversation_id"] is None
    text = " ".join(message["content"] for message in two["messages"])
    assert QUESTION in text
    assert FOLLOW_UP in text


@pytest.mark.parametrize("way", WAYS)
async def test_two_sessions_and_the_shared_pool(build: Build, way: str) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore())
    alice, bob = llm.for_session("alice"), llm.new_session()
    assert llm.session_id is None
    assert alice.agent is bob.agent is llm.agent
    ids = [
        (await last(each, way, ASK)).message.additional_kwargs["conversation_id"]
        for each in (alice, bob, llm, alice)
    ]
    assert ids[0] == ids[3]
    assert len({*ids}) == 3


@pytest.mark.parametrize("way", WAYS)
async def test_with_session(sandbox: Sandbox, build: Build, way: str) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore())
    with session("carol"):
        await last(llm, way, ASK)
        await last(llm.for_session("dave"), way, ASK)
        await last(llm, way, GO_ON)
    assert said(sandbox, llm, "carol") == [QUESTION, FOLLOW_UP]
    assert said(sandbox, llm, "dave") == [QUESTION]


@pytest.mark.parametrize("way", STREAMED)
async def test_with_session_is_read_when_the_stream_is_called(
    sandbox: Sandbox, build: Build, way: str
) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore())
    with session("carol"):
        stream = getattr(llm, way)(ASK)
        stream = await stream if way.startswith("a") else stream
    if way.startswith("a"):
        assert [item async for item in stream]
    else:
        assert list(stream)
    assert said(sandbox, llm, "carol") == [QUESTION]


async def test_jobs_are_turns_of_whoever_runs_them(sandbox: Sandbox, build: Build) -> None:
    alice = build("bluenexus", session_store=InMemorySessionStore()).for_session("alice")
    await run_jobs([alice.achat(ASK), alice.achat(GO_ON)], workers=1)
    assert sorted(said(sandbox, alice)) == sorted([QUESTION, FOLLOW_UP])


@pytest.mark.parametrize("way", WAYS)
async def test_without_session(sandbox: Sandbox, build: Build, way: str) -> None:
    alice = build("bluenexus", session_store=InMemorySessionStore()).for_session("alice")
    await last(alice, way, ASK)
    with session("somebody"):
        await last(alice.without_session(), way, [ChatMessage("Rewrite: vacation?")])
    await last(alice, way, GO_ON)
    assert said(sandbox, alice) == [QUESTION, FOLLOW_UP]
    assert alice.agent.session("somebody") is None


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda llm: pickle.loads(pickle.dumps(llm)),
    "model_copy": lambda llm: llm.model_copy(deep=True),
}


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("way", WAYS)
async def test_without_session_holds_for_copies(build: Build, way: str, copied: str) -> None:
    llm = COPIES[copied](build("bluenexus").without_session())
    name = f"{copied} {way}"
    with session(name):
        await last(llm, way, ASK)
    assert llm.agent.session(name) is None


@pytest.mark.parametrize("way", WAYS)
async def test_ids_of_one_call(sandbox: Sandbox, build: Build, way: str) -> None:
    llm = build("bluenexus", session_store=InMemorySessionStore())
    first = (await last(llm, way, ASK, session_id="erin")).message
    assert said(sandbox, llm, "erin") == [QUESTION]
    conversation_id = first.additional_kwargs["conversation_id"]
    await last(llm, way, GO_ON, conversation_id=conversation_id)
    assert said(sandbox, llm, "erin") == [QUESTION, FOLLOW_UP]


@pytest.mark.parametrize("name", ["session_id", "conversation_id"])
@pytest.mark.parametrize("way", COMPLETE)
async def test_complete_refuses_a_conversation(build: Build, way: str, name: str) -> None:
    llm = build("bluenexus")
    for absent in (None, ""):
        assert (await last(llm, way, QUESTION, **{name: absent})).text
    with pytest.raises(ConfigurationError, match=r"chat\(\)"):
        await last(llm, way, QUESTION, **{name: "c"})


def test_a_session_survives_a_pickle(sandbox: Sandbox, build: Build, tmp_path: Any) -> None:
    store = SQLSessionStore(f"sqlite:///{tmp_path}/sessions.sqlite")
    alice = build("private_ai", session_store=store).for_session("alice")
    alice.chat(ASK)
    again = pickle.loads(pickle.dumps(alice))
    assert again.chat(GO_ON).message.content.startswith(PART_TIME)
    assert said(sandbox, alice) == [QUESTION, FOLLOW_UP]
    store.close()
    again.session_store.close()


async def test_turns_of_one_session_run_one_at_a_time(sandbox: Sandbox, build: Build) -> None:
    alice = build("private_ai", session_store=InMemorySessionStore()).for_session("alice")
    questions = [f"How many vacation days do I get after {n} years?" for n in range(5)]
    await asyncio.gather(*(alice.achat([ChatMessage(q)]) for q in questions))
    assert sorted(said(sandbox, alice)) == questions
    turns = sandbox.requests("private_ai")
    assert all(one["ended"] <= two["time"] for one, two in itertools.pairwise(turns))


# --- hidden prompts ----------------------------------------------------------------------------


class Answer(BaseModel):
    """An answer."""

    days: int


async def hidden_calls(llm: Any) -> None:
    """Everything that is no turn, called by hand."""
    prompt = PromptTemplate("Say something about {topic}.")
    llm.predict(prompt, topic="vacation")
    await llm.apredict(prompt, topic="vacation")
    assert list(llm.stream(prompt, topic="vacation"))
    assert [token async for token in await llm.astream(prompt, topic="vacation")]
    for way in COMPLETE:
        await responses(llm, way, QUESTION)
    for call in (llm.structured_predict, llm.stream_structured_predict):
        with suppress(ValueError, NotImplementedError):  # the sandbox answers in prose
            list(call(Answer, prompt, topic="vacation"))
    with suppress(ValueError):
        await llm.astructured_predict(Answer, prompt, topic="vacation")
    with suppress(ValueError):
        await llm.as_structured_llm(Answer).achat(ASK)


def chunks() -> list[NodeWithScore]:
    nodes = [node for node in passages() if node.metadata["file"] == "vacation.md"][:6]
    assert len(nodes) == 6
    return [NodeWithScore(node=node, score=1.0) for node in nodes]


def synthesized(mode: ResponseMode, **options: Any) -> Callable[[Any], Awaitable[None]]:
    async def run(llm: Any) -> None:
        synthesizer = get_response_synthesizer(llm=llm, response_mode=mode, **options)
        if options.get("use_async"):
            response = await asyncio.to_thread(synthesizer.synthesize, QUESTION, chunks())
        else:
            response = synthesizer.synthesize(QUESTION, chunks())
        assert "vacation" in str(response)
        answer = await synthesizer.asynthesize(QUESTION, chunks())
        if options.get("streaming"):
            assert "vacation" in "".join([token async for token in answer.async_response_gen()])
        else:
            assert "vacation" in str(answer)

    return run


def chatted(engine_of: Callable[[Any, Any], Any]) -> Callable[[Any], Awaitable[None]]:
    async def run(llm: Any) -> None:
        index = VectorStoreIndex(passages(), embed_model=HashedWords())
        engine = engine_of(index, llm)
        engine.chat(QUESTION)
        assert "".join(engine.stream_chat(FOLLOW_UP).response_gen)
        assert str(await engine.achat("And what about trainees?"))

    return run


def condense_question(index: Any, llm: Any) -> Any:
    engine = index.as_query_engine(llm=llm)
    return CondenseQuestionChatEngine.from_defaults(engine, llm=llm, memory=memory())


def condense_plus_context(index: Any, llm: Any) -> Any:
    return CondensePlusContextChatEngine.from_defaults(
        index.as_retriever(), llm=llm, memory=memory()
    )


def context(index: Any, llm: Any) -> Any:
    return ContextChatEngine.from_defaults(retriever=index.as_retriever(), llm=llm, memory=memory())


async def summarized(llm: Any) -> None:
    buffer = ChatSummaryMemoryBuffer.from_defaults(
        llm=llm, token_limit=40, count_initial_tokens=False
    )
    for question in (QUESTION, FOLLOW_UP):
        buffer.put(ChatMessage(question))
        buffer.put(ChatMessage(role="assistant", content="25 vacation days, in proportion. " * 9))
        assert buffer.get()


async def facts_extracted(llm: Any) -> None:
    block = FactExtractionMemoryBlock(name="facts", llm=llm)
    await block.aput([*ASK, ChatMessage(role="assistant", content="25 days.")])
    await block.aput(GO_ON)


async def reranked(llm: Any) -> None:
    RankGPTRerank(llm=llm, top_n=1).postprocess_nodes(chunks()[:2], query_str=QUESTION)


HIDDEN: dict[str, Callable[[Any], Awaitable[None]]] = {
    "by hand": hidden_calls,
    "refine": synthesized(ResponseMode.REFINE),
    "refine streaming": synthesized(ResponseMode.REFINE, streaming=True),
    "tree_summarize": synthesized(ResponseMode.TREE_SUMMARIZE, use_async=True),
    "accumulate": synthesized(ResponseMode.ACCUMULATE, use_async=True),
    "condense_question": chatted(condense_question),
    "condense_plus_context": chatted(condense_plus_context),
    "context": chatted(context),
    "summary": summarized,
    "facts": facts_extracted,
    "reranker": reranked,
}


async def check_hidden(sandbox: Sandbox, build: Build, service: str, hidden: str) -> None:
    """Nothing that is hidden gets between two turns, nor becomes one of a session."""
    alice = build(service, session_store=InMemorySessionStore(), context_window=4_000)
    alice = alice.for_session("alice")
    alice.chat(ASK)
    with session("somebody"):
        await HIDDEN[hidden](alice)
        await HIDDEN[hidden](build(service, session_store=alice.session_store))
    answer = alice.chat(GO_ON).message.content
    assert said(sandbox, alice) == [QUESTION, FOLLOW_UP]
    assert answer.startswith(PART_TIME)
    assert alice.agent.session("somebody") is None
    assert len(sandbox.turns(service)) > 3


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("service", KEEPING)
async def test_hidden_prompts_stay_out(
    sandbox: Sandbox, build: Build, service: str, hidden: str
) -> None:
    await check_hidden(sandbox, build, service, hidden)


class Logged(MaiAgent):
    """An LLM of one's own, which looks at each call."""

    def chat(self, messages: Any, **kwargs: Any) -> Any:
        return super().chat(messages, **kwargs)

    async def achat(self, messages: Any, **kwargs: Any) -> Any:
        return await super().achat(messages, **kwargs)


@pytest.mark.parametrize("hidden", ["summary", "facts", "reranker"])
async def test_hidden_prompts_stay_out_of_a_class_of_ones_own(
    sandbox: Sandbox, hidden: str
) -> None:
    def logged(service: str, **settings: Any) -> Any:
        return Logged(**sandbox.kwargs(service), **settings)

    await check_hidden(sandbox, logged, "maiagent", hidden)
    bob = logged("maiagent").for_session("bob")
    engine = SimpleChatEngine.from_defaults(llm=bob, memory=memory())
    for _ in range(2):
        engine.chat(QUESTION)
        engine.reset()
    first, second = sandbox.turns("maiagent")[-2:]
    assert first["conversation_id"] != second["conversation_id"]


def test_simple_chat_engine_is_the_users_own_turns(sandbox: Sandbox, build: Build) -> None:
    alice = build("private_ai", session_store=InMemorySessionStore()).for_session("alice")
    engine = SimpleChatEngine.from_defaults(llm=alice, memory=memory())
    engine.chat(QUESTION)
    assert "".join(engine.stream_chat(FOLLOW_UP).response_gen).startswith(PART_TIME)
    engine.chat("And after five years?")
    assert said(sandbox, alice)[0] == QUESTION
    assert len(said(sandbox, alice)) == 3
