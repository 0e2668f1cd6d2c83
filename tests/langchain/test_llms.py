"""What every text model does; LangChain has no suite for them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache as Cache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import HumanMessage
from langchain_core.outputs import GenerationChunk, LLMResult
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory

from remote_agents import AgentError, InMemorySessionStore, session
from tests.langchain.services import LLMS, QUESTION

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory"),
    pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory"),
]
WAYS = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")


class Told(BaseCallbackHandler):
    """What callbacks are told."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.results: list[LLMResult] = []
        self.errors: list[BaseException] = []

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.results.append(response)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(error)


async def _ask(llm: Any, way: str, config: Any = None, **call: Any) -> None:
    prompt = [QUESTION] if "batch" in way else QUESTION
    answer = getattr(llm, way)(prompt, config, **call)
    if way == "astream":
        assert [piece async for piece in answer]
    else:
        assert list(await answer if way[0] == "a" else answer)


async def _classic(llm: Any, *, asynchronous: bool, config: Any) -> None:
    """Ask as LangChain's classic chains do, which hand no config down."""
    if asynchronous:

        async def chain(said: str) -> Any:
            return await llm.agenerate([said])

        await RunnableLambda(chain).ainvoke(QUESTION, config)
    else:
        RunnableLambda(lambda said: llm.generate([said])).invoke(QUESTION, config)


class LLMTests:
    """The conformance of one text model."""

    service = ""

    @pytest.fixture
    def llm(self, sandbox: Any) -> Any:
        return LLMS[self.service](**sandbox.kwargs(self.service), coalesce=False)

    async def test_text_in_text_out(self, llm: Any) -> None:
        answers = [
            llm.invoke(QUESTION),
            await llm.ainvoke(QUESTION),
            "".join(llm.stream(QUESTION)),
            "".join([piece async for piece in llm.astream(QUESTION)]),
            (PromptTemplate.from_template("{q}") | llm).invoke({"q": QUESTION}),
            LLMS[self.service](**_settings(llm), streaming=True).invoke(QUESTION),
        ]
        assert set(answers) == {answers[0]}
        assert "25 vacation days" in answers[0]

    async def test_it_streams(self, llm: Any) -> None:
        for told, pieces in (
            ((one := Told()), list(llm.stream(QUESTION, {"callbacks": [one]}))),
            ((two := Told()), [p async for p in llm.astream(QUESTION, {"callbacks": [two]})]),
        ):
            assert len(pieces) > 3
            assert told.tokens == pieces
            (result,) = told.results
            assert isinstance(result.generations[0][0], GenerationChunk)
            assert result.generations[0][0].generation_info["model_provider"] == self.service

    @pytest.mark.parametrize("way", WAYS)
    async def test_a_prompt_is_a_turn_of_its_session(
        self, llm: Any, sandbox: Any, way: str
    ) -> None:
        llm = llm.model_copy(update={"session_store": InMemorySessionStore(), "cache": Cache()})
        one: Any = {"configurable": {"session_id": "text", "user_id": "alice"}}
        other: Any = {"configurable": {"session_id": "text", "user_id": "bob"}}
        before = len(sandbox.turns(self.service))
        for config in (one, one, other):
            await _ask(llm, way, config)
        with session("around"):
            await _ask(llm, way)
        await _ask(llm, way, session_id="around")
        await _classic(llm, asynchronous=way[0] == "a", config=one)
        turns = [turn["conversation_id"] for turn in sandbox.turns(self.service)[before:]]
        assert len(turns) == 6, "no cache answers for a conversation"
        if llm.endpoint.keeps == "none":
            assert set(turns) == {None}
            return
        assert len(set(turns)) == 3
        assert turns[0] == turns[1] != turns[2]
        assert turns[3] == turns[4] is not None
        assert turns[5] == turns[0]
        assert llm.session("text", user_id="alice").turns == 3

    @pytest.mark.parametrize("way", WAYS)
    async def test_in_a_thread_a_prompt_stands_alone(
        self, llm: Any, sandbox: Any, way: str
    ) -> None:
        config: Any = {"configurable": {"thread_id": "t", "session_id": "s"}}
        for _ in range(2):
            await _ask(llm, way, config)
        for request in sandbox.requests(self.service)[-2:]:
            for name in ("conversationId", "conversation", "store_in_session", "create_session"):
                assert not request["body"].get(name)
        assert llm.session("t", session_id="s") is None

    def test_under_a_message_history_each_prompt_is_new(self, llm: Any, sandbox: Any) -> None:
        llm = llm.model_copy(update={"session_store": InMemorySessionStore()})
        kept = InMemoryChatMessageHistory()
        chain = RunnableWithMessageHistory(llm, lambda session_id: kept)
        before = len(sandbox.turns(self.service))
        for _ in range(2):
            chain.invoke(QUESTION, {"configurable": {"session_id": "s"}})
        turns = sandbox.turns(self.service)[before:]
        assert QUESTION in str(turns[1]["messages"])
        if llm.endpoint.keeps != "none":
            assert turns[0]["conversation_id"] != turns[1]["conversation_id"]

    async def test_whole_answers_tell_their_tokens(self, llm: Any) -> None:
        streaming = LLMS[self.service](**_settings(llm), streaming=True, coalesce=False)
        for ask in ("invoke", "ainvoke"):
            told = Told()
            answer = getattr(streaming, ask)(QUESTION, {"callbacks": [told]})
            answer = await answer if ask == "ainvoke" else answer
            assert "".join(told.tokens) == answer
            assert len(told.tokens) > 3

    def test_it_declares_what_names_a_dialogue(self, llm: Any) -> None:
        chain = RunnableWithMessageHistory(llm, lambda session_id: InMemoryChatMessageHistory())
        assert {spec.id for spec in llm.config_specs} == {"session_id", "thread_id"}
        assert "session_id" in str(chain.config_schema().model_json_schema())

    def test_it_counts_tokens_without_downloads(self, llm: Any) -> None:
        assert llm.get_num_tokens("How many vacation days do I get?") == 8
        assert llm.get_num_tokens_from_messages([HumanMessage("Hi there")]) > 2

    async def test_usage(self, llm: Any) -> None:
        prompts = [QUESTION, QUESTION]
        for result in (llm.generate(prompts), await llm.agenerate(prompts)):
            assert len(result.generations) == 2
            assert result.llm_output["model_name"]
            usage = result.llm_output.get("token_usage")
            if llm.endpoint.counts:
                one = llm.generate([QUESTION]).llm_output["token_usage"]
                assert usage == {name: 2 * count for name, count in one.items()}
            else:
                assert usage is None

    async def test_batches_run_at_once(self, llm: Any, sandbox: Any) -> None:
        def slowly(times: int) -> float:
            sandbox.slow_first_byte(0.2, endpoint=self.service, times=times)
            return time.perf_counter()

        prompts = [f"Say: {number}" for number in range(4)]
        for limit, atleast, below in ((None, 0.2, 0.6), (2, 0.4, 0.8)):
            config: Any = {"max_concurrency": limit}
            begun = slowly(4)
            assert llm.batch(prompts, config) == list("0123")
            assert atleast <= time.perf_counter() - begun < below
            begun = slowly(4)
            assert await llm.abatch(prompts, config) == list("0123")
            assert atleast <= time.perf_counter() - begun < below
        begun = slowly(4)
        assert [g[0].text for g in llm.generate(prompts).generations] == list("0123")
        assert time.perf_counter() - begun < 0.6

    async def test_one_failure_is_one_failure(self, llm: Any, sandbox: Any) -> None:
        for batch in (llm.batch, llm.abatch):
            sandbox.fail_next(status=400, endpoint=self.service)
            result = batch(["Say: a", "Say: b"], return_exceptions=True)
            answers = result if isinstance(result, list) else await result
            assert sorted(type(answer) is str for answer in answers) == [False, True]
            (error,) = (answer for answer in answers if not isinstance(answer, str))
            assert isinstance(error, AgentError)

    async def test_stop(self, llm: Any) -> None:
        for text in (
            llm.invoke("Count to 9", stop=["4"]),
            await llm.ainvoke("Count to 9", stop=["4"]),
            "".join(llm.stream("Count to 9", stop=["4"])),
        ):
            assert text.strip() == "1 2 3"

    async def test_errors_reach_callbacks(self, llm: Any, sandbox: Any) -> None:
        told = Told()
        sandbox.fail_next(status=400, endpoint=self.service, times=2)
        with pytest.raises(AgentError):
            llm.invoke("Hi", {"callbacks": [told]})
        with pytest.raises(AgentError):
            async for _ in llm.astream("Hi", {"callbacks": [told]}):
                pass
        assert len(told.errors) == 2

    def test_traces_name_it(self, llm: Any) -> None:
        params = llm._get_ls_params()
        assert params["ls_provider"] == self.service
        assert params["ls_model_name"] == llm.agent.agent_id
        assert params["ls_model_type"] == "llm"
        assert llm._llm_type == f"{self.service}-agent"


def _settings(llm: Any) -> dict[str, Any]:
    return {name: getattr(llm, name) for name in ("base_url", "agent_id", "api_key")}


class TestCloudBaseLLM(LLMTests):
    service = "cloudbase"


class TestCloudBaseOpenAILLM(LLMTests):
    service = "cloudbase_openai"


class TestPrivateAILLM(LLMTests):
    service = "private_ai"


class TestBlueNexusLLM(LLMTests):
    service = "bluenexus"


class TestMaiAgentLLM(LLMTests):
    service = "maiagent"
