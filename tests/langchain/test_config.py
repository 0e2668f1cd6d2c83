"""The ids in a config reach the model on every entry point, and conversations go on."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.exceptions import ModelConnectionError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory

from remote_agents import AgentConnectionError, session
from tests.langchain.services import (
    CHAT,
    FOLLOW_UP,
    LLMS,
    QUESTION,
    chat,
    every_keeping,
    every_service,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory"),
    pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory"),
]

Ask = Callable[[Any, str, dict[str, Any]], Awaitable[Any]]


async def _astream(model: Any, text: str, config: Any) -> None:
    async for _ in model.astream(text, config):
        pass


async def _abatch(model: Any, text: str, config: Any) -> None:
    await model.abatch([text], [config])


async def _abatch_completed(model: Any, text: str, config: Any) -> None:
    async for _ in model.abatch_as_completed([text], [config]):
        pass


async def _events_v2(model: Any, text: str, config: Any) -> None:
    async for _ in model.astream_events(text, config, version="v2"):
        pass


async def _av3(model: Any, text: str, config: Any) -> None:
    await (await model.astream_events(text, config, version="v3"))


async def _node(model: Any, text: str, config: Any) -> None:
    await RunnableLambda(lambda said: model.invoke(said)).ainvoke(text, config)


async def _generate(model: Any, text: str, config: Any) -> None:
    await RunnableLambda(lambda said: model.generate([[HumanMessage(said)]])).ainvoke(text, config)


async def _agenerate(model: Any, text: str, config: Any) -> None:
    async def classic(said: str) -> None:
        await model.agenerate_prompt([ChatPromptValue(messages=[HumanMessage(said)])])

    await RunnableLambda(classic).ainvoke(text, config)


async def _chain(model: Any, text: str, config: Any) -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "{said}")])
    async for _ in (prompt | model | StrOutputParser()).astream({"said": text}, config):
        pass


def now(ask: Callable[[Any, str, Any], Any]) -> Ask:
    """A way to ask without asyncio, in a thread of its own."""

    async def way(model: Any, text: str, config: dict[str, Any]) -> None:
        await asyncio.to_thread(ask, model, text, config)

    return way


WAYS: dict[str, Ask] = {
    "invoke": now(lambda m, text, c: m.invoke(text, c)),
    "ainvoke": lambda m, text, c: m.ainvoke(text, c),
    "stream": now(lambda m, text, c: list(m.stream(text, c))),
    "astream": _astream,
    "batch": now(lambda m, text, c: m.batch([text], [c])),
    "abatch": _abatch,
    "batch_as_completed": now(lambda m, text, c: list(m.batch_as_completed([text], [c]))),
    "abatch_as_completed": _abatch_completed,
    "stream_events v2": _events_v2,
    "stream_events v3": now(lambda m, text, c: m.stream_events(text, c, version="v3").output),
    "astream_events v3": _av3,
    "with_config": now(lambda m, text, c: m.with_config(c).invoke(text)),
    "bind": now(lambda m, text, c: m.bind(stop=["~"]).invoke(text, c)),
    "with_retry": now(lambda m, text, c: m.with_retry().invoke(text, c)),
    "with_fallbacks": now(lambda m, text, c: m.with_fallbacks([m]).invoke(text, c)),
    "in a function": _node,
    "in a sequence": _chain,
    "generate in a function": _generate,
    "agenerate_prompt in a function": _agenerate,
}


@pytest.mark.parametrize("key", ["thread_id", "session_id"])
@pytest.mark.parametrize("way", list(WAYS))
async def test_the_thread_reaches_the_model(sandbox: Any, way: str, key: str) -> None:
    model = chat(sandbox, "private_ai")
    config = {"configurable": {key: str(uuid.uuid4())}}
    for text in (QUESTION, FOLLOW_UP):
        await WAYS[way](model, text, config)
    first, second = sandbox.turns("private_ai")
    assert None not in (first["conversation_id"], second["conversation_id"])
    one = first["conversation_id"] == second["conversation_id"]
    assert one is (key == "session_id"), "a thread's memory is the history in its checkpoints"
    known = model.session(config["configurable"][key])
    assert known is not None
    assert [conversation.turns for conversation in known] == ([2] if one else [1, 1])


def test_a_call_that_names_nobody_is_nobodys(sandbox: Any) -> None:
    """What surrounds a call counts only where the call's own config says nothing."""
    model = chat(sandbox, "bluenexus")
    nobody: Any = {"configurable": {"session_id": ""}}
    surrounding: Any = {"configurable": {"session_id": "around"}}
    RunnableLambda(lambda said: model.invoke(said, nobody)).invoke("Hello", surrounding)
    assert len(sandbox.turns("bluenexus")) == 1
    assert model.session("around") is None


@every_keeping
@pytest.mark.parametrize("way", ["invoke", "astream", "stream_events v3", "in a sequence"])
async def test_the_second_turn_knows_the_first(sandbox: Any, service: str, way: str) -> None:
    model = chat(sandbox, service)
    config = {"configurable": {"session_id": str(uuid.uuid4())}}
    for text in (QUESTION, FOLLOW_UP):
        await WAYS[way](model, text, config)
    first, second = sandbox.turns(service)
    assert first["conversation_id"] == second["conversation_id"]
    held = sandbox.conversation(service, second["conversation_id"])
    assert "Part-time" in held[-1]["content"]
    told = [message["role"] for message in second["messages"]]
    assert told == (["user", "assistant", "user"] if service == "cloudbase" else ["user"])


def test_which_id_wins(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus")
    s, t, u, v, w = (f"{name}-{uuid.uuid4()}" for name in "stuvw")
    mine = model.invoke("Hello").response_metadata["conversation_id"]
    ids: Any = {"conversation_id": "c", "session_id": s, "thread_id": t}
    model.invoke("Hello", {"configurable": ids}, conversation_id=mine, session_id=w)
    assert sandbox.turns("bluenexus")[1]["conversation_id"] == mine
    model.invoke("Hello", {"configurable": ids})
    model.invoke("Hello", {"configurable": ids}, session_id=u)
    model.invoke("Hello", {"configurable": {**ids, "thread_id": ""}})
    with session(v):
        model.invoke("Hello", {"configurable": ids})
        stream = model.stream("Hello")
    list(stream)
    turns = {
        name: known and known.turns for name in (s, t, u, v, w) for known in [model.session(name)]
    }
    assert turns == {s: None, t: None, u: 1, v: 2, w: None}
    beside = {"session_id": s, "conversation_id": "c"}
    assert model.session(t, **beside).turns == 1
    assert model.session(s, conversation_id="c").turns == 1
    assert model.forget(u)
    assert not model.forget(u)


ASKERS = (
    "user_id",
    "tenant_id",
    "org_id",
    "account_id",
    "customer_id",
    "workspace_id",
    "langgraph_auth_user_id",
)


@pytest.mark.parametrize("key", ["session_id", "thread_id"])
@pytest.mark.parametrize("asker", [*ASKERS, "desk"])
def test_two_who_ask_have_two_dialogues(sandbox: Any, asker: str, key: str) -> None:
    model = chat(sandbox, "bluenexus", dialogue_keys=["desk"])
    for name in ("alice", "bob"):
        history = ["Hi"]
        for _ in range(2):
            answer = model.invoke(history, {"configurable": {key: "1", asker: name}})
            history += [answer, "And?"]
    conversations = [turn["conversation_id"] for turn in sandbox.turns("bluenexus")]
    assert len(set(conversations)) == 2
    assert conversations[0] == conversations[1] != conversations[2] == conversations[3]
    assert model.session("1") is None
    assert model.session("1", **{asker: "bob"}).conversation_id == conversations[2]


def test_ids_of_runs_are_no_names(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus")
    for number in range(2):
        ids = {"run_id": number, "checkpoint_id": number, "task_id": number, "user_id": None}
        model.invoke("Hi", {"configurable": {"session_id": 7, **ids}})
    assert model.session("7").turns == 2


def test_configs_of_a_batch_stay_apart(sandbox: Any) -> None:
    model = chat(sandbox, "maiagent")
    configs: Any = [{"configurable": {"session_id": f"{n}-{uuid.uuid4()}"}} for n in range(6)]
    for _ in range(2):
        model.batch([f"My number is {n}" for n in range(6)], configs)
    ids = [turn["conversation_id"] for turn in sandbox.turns("maiagent")]
    assert sorted(ids) == sorted(2 * sorted(set(ids)))
    assert len(set(ids)) == 6


@every_service
def test_message_history(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service)
    histories: dict[str, InMemoryChatMessageHistory] = {}

    def history(session_id: str) -> InMemoryChatMessageHistory:
        return histories.setdefault(session_id, InMemoryChatMessageHistory())

    prompt = ChatPromptTemplate.from_messages(
        [("system", "Be brief."), MessagesPlaceholder("history"), ("human", "{said}")]
    )
    chain = RunnableWithMessageHistory(
        prompt | model, history, input_messages_key="said", history_messages_key="history"
    )
    config: Any = {"configurable": {"session_id": str(uuid.uuid4())}}
    chain.invoke({"said": QUESTION}, config)
    answer = chain.invoke({"said": FOLLOW_UP}, config)
    assert "art-time" in str(answer.content)
    sent = sandbox.turns(service)[-1]["messages"]
    assert len(sent) == {"cloudbase_openai": 4, "cloudbase": 3}.get(service, 1)


# --- caches --------------------------------------------------------------------------------------


@every_keeping
@pytest.mark.parametrize(
    "conversation",
    [
        {"session_id": "s1"},
        {"memory": "server"},
        {"config": {"configurable": {"thread_id": "t1"}}},
    ],
    ids=["session", "memory", "thread"],
)
async def test_a_conversation_is_not_cached(
    sandbox: Any, service: str, conversation: dict[str, Any]
) -> None:
    call = dict(conversation)
    model = chat(sandbox, service, cache=InMemoryCache())
    before = len(sandbox.turns(service))
    model.invoke(QUESTION, **call)
    await model.ainvoke(QUESTION, **call)
    assert len(sandbox.turns(service)) == before + 2


@every_service
def test_a_cached_answer_is_nobodys_conversation(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service, cache=InMemoryCache())
    mine = model.invoke(QUESTION)
    yours = model.invoke(QUESTION)
    assert len(sandbox.turns(service)) == 1
    assert yours.content_blocks == mine.content_blocks
    assert not {"conversation_id", "conversation", "memory"} & yours.response_metadata.keys()
    model.invoke([HumanMessage(QUESTION), yours, HumanMessage(FOLLOW_UP)])
    last = sandbox.turns(service)[-1]
    assert last["conversation_id"] != (mine.response_metadata.get("conversation_id") or "none")
    again = model.invoke(QUESTION)
    assert "conversation_id" not in again.response_metadata


@every_service
async def test_a_cached_answer_costs_nothing(sandbox: Any, service: str) -> None:
    model = chat(sandbox, service, cache=InMemoryCache())
    with get_usage_metadata_callback() as usage:
        asked = model.invoke(QUESTION)
        cached = [model.invoke(QUESTION), await model.ainvoke(QUESTION)]
    assert len(sandbox.turns(service)) == 1
    for answer in cached:  # a cost alone is no usage: where the service told none, there is none
        if asked.usage_metadata is None:
            assert answer.usage_metadata is None
        else:
            assert answer.usage_metadata == {**asked.usage_metadata, "total_cost": 0}
    assert all("total_tokens" in counts for counts in usage.usage_metadata.values())


def test_agents_do_not_share_a_cache(sandbox: Any) -> None:
    cache = InMemoryCache()
    chat(sandbox, "bluenexus", cache=cache).invoke(QUESTION)
    other = chat(sandbox, "bluenexus", cache=cache, temperature=0.1)
    other.invoke(QUESTION)
    headed = chat(sandbox, "bluenexus", cache=cache, extra_body={"metadata": {"tone": "kind"}})
    headed.invoke(QUESTION)
    assert len(sandbox.turns("bluenexus")) == 3


every_way = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])


def cached(sandbox: Any, service: str, face: str = "chat", **settings: Any) -> Any:
    kind = (CHAT if face == "chat" else LLMS)[service]
    return kind(**{**sandbox.kwargs(service), "cache": InMemoryCache(), **settings})


async def asked_again(model: Any, awaited: bool) -> None:
    await model.ainvoke(QUESTION) if awaited else model.invoke(QUESTION)


@every_service
@pytest.mark.parametrize(
    ("account", "awaited"), [("function", False), ("function", True), ("async function", True)]
)
async def test_an_account_gets_its_own_cached_answers(
    sandbox: Any, service: str, account: str, awaited: bool
) -> None:
    user = [""]

    async def whoever() -> str:
        return user[0]

    own: Any = whoever if account == "async function" else lambda: user[0]
    key = sandbox.kwargs(service)["api_key"]
    for posted, api_key in ((2, key), (4, lambda: key)):
        model = cached(sandbox, service, account=own, api_key=api_key)
        for name in ("alice", "bob", "alice", "bob"):
            user[0] = name
            await asked_again(model, awaited)
        assert len(sandbox.turns(service)) == posted


@every_service
@every_way
async def test_whose_key_a_function_gives_nobody_knows(
    sandbox: Any, service: str, awaited: bool
) -> None:
    key = sandbox.kwargs(service)["api_key"]
    model = cached(sandbox, service, api_key=lambda: key)
    for _ in range(2):
        await asked_again(model, awaited)
    assert len(sandbox.turns(service)) == 2


@every_service
@every_way
@pytest.mark.parametrize("face", ["chat", "llm"])
async def test_an_account_that_fails_is_the_usual_error(
    sandbox: Any, service: str, awaited: bool, face: str
) -> None:
    model = cached(sandbox, service, face, account=lambda: {}["user"])
    with pytest.raises(ModelConnectionError, match=r"account failed \(KeyError") as raised:
        await asked_again(model, awaited)
    assert isinstance(raised.value, AgentConnectionError)
    assert sandbox.requests(service) == []


def test_system_messages_after_a_reply_are_sent_too(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus", memory="server")
    reply = model.invoke("Hello")
    assert isinstance(reply, AIMessage)
    model.invoke([HumanMessage("Hello"), reply, SystemMessage("Be brief."), HumanMessage("Bye")])
    sent = sandbox.turns("bluenexus")[-1]["messages"]
    assert [message["content"] for message in sent] == ["Be brief.", "Bye"]
