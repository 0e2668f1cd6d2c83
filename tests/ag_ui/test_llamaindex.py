"""Tools of the caller's and a person's answer, with the agents of the sandbox in LlamaIndex."""

import gc
import json
from collections.abc import Iterator
from typing import Any

import pytest
from llama_index.core import Document, PromptTemplate, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, HumanResponseEvent
from pydantic import BaseModel

from llamaindex_agents import AGUI, AgentAsksPerson, AskPerson, CloudBase, RemoteWorkflowAgent
from remote_agents import AgentInterrupt, ConfigurationError, StreamProtocolError
from remote_agents.sandbox import Sandbox
from tests.ag_ui.runs import FINISHED, begin, bodies, call, end, run, say
from tests.raw_server import serving

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20:inspect"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step"),  # LlamaIndex itself
    pytest.mark.filterwarnings("ignore:.*aiosqlite:ResourceWarning"),  # its memory
]
CALLS: list[str] = []
QUESTION, TASK = "What is the weather in Paris?", "Delete the file."


def get_weather(city: str) -> str:
    """The weather of a city."""
    CALLS.append(city)
    return f"sunny in {city}"


@pytest.fixture(autouse=True)
def left() -> Iterator[None]:
    """What LlamaIndex leaves open of a run that fails is collected here, and not in other tests."""
    yield
    gc.collect()


@pytest.fixture
def weather() -> FunctionTool:
    CALLS.clear()
    return FunctionTool.from_defaults(get_weather)


def made(sandbox: Sandbox, service: str, *, approval: bool = False) -> Any:
    kwargs: Any = sandbox.kwargs(service)
    if service == "ag_ui":
        home = "approval" if approval else "handbook"
        return AGUI(**{**kwargs, "base_url": f"{sandbox.url}/ag-ui/{home}"})
    agent = "agent-approval" if approval else "agent-handbook"
    return CloudBase(**{**kwargs, "agent_id": agent})


each = pytest.mark.parametrize("service", ["ag_ui", "cloudbase"])


@each
async def test_chat_with_tools(sandbox: Sandbox, service: str, weather: FunctionTool) -> None:
    llm = made(sandbox, service)
    assert llm.metadata.is_function_calling_model
    streams = llm.stream_chat_with_tools([weather], user_msg=QUESTION)
    astreams = await llm.astream_chat_with_tools([weather], user_msg=QUESTION)
    answers = [
        llm.chat_with_tools([weather], user_msg=QUESTION),
        await llm.achat_with_tools([weather], user_msg=QUESTION),
        [*streams][-1],
        [each async for each in astreams][-1],
    ]
    for answer in answers:
        (call,) = llm.get_tool_calls_from_response(answer)
        assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Paris"})
        assert any(isinstance(block, ToolCallBlock) for block in answer.message.blocks)


@each
async def test_a_function_agent(sandbox: Sandbox, service: str, weather: FunctionTool) -> None:
    agent = FunctionAgent(tools=[weather], llm=made(sandbox, service))
    answer = await agent.run(QUESTION)
    assert "sunny in Paris" in str(answer)
    assert CALLS == ["Paris"]


@pytest.mark.parametrize("service", [AGUI, CloudBase])
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("name", ["\u67e5\u8be2\u5929\u6c14", "get weather", "weather.get"])
async def test_a_tool_of_any_name_is_called(service: Any, streaming: bool, name: str) -> None:
    tools = [FunctionTool.from_defaults(get_weather, name=each) for each in ("\u65f6\u95f4", name)]
    answers = [*call("c", name, '{"city": "Paris"}')], [begin("1"), say("1", "Sunny."), end("1")]
    with serving(*(run(*events, FINISHED) for events in answers)) as server:
        llm = service(base_url=server.url, agent_id="agent-1", api_key="k")
        agent = FunctionAgent(tools=tools, llm=llm, streaming=streaming)
        assert str(await agent.run(QUESTION)) == "Sunny."
        first, second = bodies(server)
    assert [each["name"] for each in first["tools"]] == ["\u65f6\u95f4", name]
    assert second["messages"][-1]["content"] == "sunny in Paris"


@each
@pytest.mark.parametrize("streaming", [True, False])
async def test_a_bound_agent_answers_its_tools_in_one_thread(
    sandbox: Sandbox, service: str, weather: FunctionTool, streaming: bool
) -> None:
    llm = made(sandbox, service).for_session("alice")
    await FunctionAgent(tools=[weather], llm=llm, streaming=streaming).run(QUESTION)
    assert len(sandbox.requests(service)) == 2
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1


@each
def test_a_bound_llm_answers_its_tools_in_one_thread(
    sandbox: Sandbox, service: str, weather: FunctionTool
) -> None:
    llm = made(sandbox, service).for_session("alice")
    answer = llm.chat_with_tools([weather], QUESTION)
    (called,) = llm.get_tool_calls_from_response(answer)
    result = ChatMessage("sunny", role="tool", additional_kwargs={"tool_call_id": called.tool_id})
    llm.chat_with_tools([weather], chat_history=[ChatMessage(QUESTION), answer.message, result])
    assert len(sandbox.requests(service)) == 2
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1


@pytest.mark.parametrize("service", [AGUI, CloudBase])
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("said", ['{"city": "Par', '["Paris"]', '"Paris"'])
async def test_a_tool_is_not_run_with_arguments_that_were_cut_off(
    weather: FunctionTool, service: Any, streaming: bool, said: str
) -> None:
    with serving(run(*call("c", "get_weather", said), FINISHED)) as server:
        llm = service(base_url=server.url, agent_id="agent-1", api_key="k", max_retries=0)
        with pytest.raises(StreamProtocolError, match="get_weather"):
            await FunctionAgent(tools=[weather], llm=llm, streaming=streaming).run(QUESTION)
    assert CALLS == []


@pytest.mark.parametrize("service", [AGUI, CloudBase])
def test_of_two_calls_where_one_is_wanted_the_first_is_run(
    weather: FunctionTool, service: Any
) -> None:
    calls = [*call("1", "get_weather", '{"city": "Paris"}'), *call("2", "get_weather", "{}")]
    with serving(run(*calls, FINISHED)) as server:
        llm = service(base_url=server.url, agent_id="agent-1", api_key="k")
        assert str(llm.predict_and_call([weather], QUESTION)) == "sunny in Paris"


@each
def test_predict_and_call(sandbox: Sandbox, service: str, weather: FunctionTool) -> None:
    assert str(made(sandbox, service).predict_and_call([weather], QUESTION)) == "sunny in Paris"


@each
def test_a_tool_that_has_to_be_called(
    sandbox: Sandbox, service: str, weather: FunctionTool
) -> None:
    llm = made(sandbox, service)
    answer = llm.chat_with_tools([weather], user_msg="Hello!", tool_required=True)
    assert llm.get_tool_calls_from_response(answer)
    free = llm.chat_with_tools([weather], user_msg="Hello!")
    assert llm.get_tool_calls_from_response(free, error_on_no_tool_call=False) == []
    with pytest.raises(ValueError, match="none of the tools"):
        llm.get_tool_calls_from_response(free)


def test_an_agent_that_takes_no_tools_refuses_them(sandbox: Sandbox, weather: FunctionTool) -> None:
    llm = CloudBase(**sandbox.kwargs("cloudbase"))
    assert not llm.metadata.is_function_calling_model
    with pytest.raises(ConfigurationError, match="brings its own tools"):
        llm.chat_with_tools([weather], user_msg=QUESTION)


@each
@pytest.mark.parametrize(("said", "done"), [("yes", "Done: "), ("no", "I left it alone: ")])
async def test_a_workflow_asks_a_person(
    sandbox: Sandbox, service: str, said: str, done: str
) -> None:
    llm = made(sandbox, service, approval=True)
    handler = AskPerson(llm, timeout=30).run(messages=[ChatMessage(TASK)])
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            assert TASK in event.question
            assert len(sandbox.requests(service)) == 1
            handler.ctx.send_event(HumanResponseEvent(response=said))
    assert (await handler).message.content == f"{done}{TASK}"
    assert len(sandbox.requests(service)) == 2


HELLO = [ChatMessage("Hello!"), ChatMessage("Good day.", role="assistant")]
GIVEN: dict[str, Any] = {
    "a text": lambda flow: flow.run(TASK),
    "a text and a context": lambda flow: flow.run(TASK, ctx=Context(flow)),
    "a history before": lambda flow: flow.run(TASK, HELLO),
    "user_msg": lambda flow: flow.run(user_msg=TASK),
    "a message": lambda flow: flow.run(user_msg=ChatMessage(TASK)),
    "both, with a history": lambda flow: flow.run(user_msg=TASK, chat_history=HELLO),
    "a history": lambda flow: flow.run(Context(flow), chat_history=[*HELLO, ChatMessage(TASK)]),
}


@each
@pytest.mark.parametrize("way", GIVEN)
async def test_a_workflow_is_asked_as_an_agent_of_llamaindex(
    sandbox: Sandbox, service: str, way: str
) -> None:
    handler = GIVEN[way](AskPerson(made(sandbox, service, approval=True), timeout=30))
    questions = []
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            questions.append(event.question)
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
    assert (await handler).message.content == f"Done: {TASK}"
    assert len(questions) == 1
    assert TASK in str(sandbox.turns()[0]["messages"])
    assert ("history" in way) == ("Good day." in str(sandbox.turns()[0]["messages"]))


@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "nothing to ask"), ({"user_msg": TASK, "memory": 1}, "takes no memory")],
)
async def test_a_workflow_says_what_it_is_asked_with(
    sandbox: Sandbox, given: Any, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"{message}.*user_msg="):
        await AskPerson(made(sandbox, "ag_ui")).run(**given)
    assert sandbox.requests("ag_ui") == []


@each
@pytest.mark.parametrize("said", ["yes", "no"])
@pytest.mark.parametrize("fails", [False, True])
async def test_a_workflow_asks_a_person_before_the_agent_calls_a_tool(
    sandbox: Sandbox, service: str, said: str, fails: bool
) -> None:
    cancelled: list[str] = []

    def cancel_booking(room: str) -> str:
        """Cancel the booking of a room."""
        cancelled.append(room)
        if fails:
            raise ValueError("the room is in use")
        return f"{room} is free again"

    tools = [FunctionTool.from_defaults(cancel_booking)]
    llm = made(sandbox, service, approval=True)
    asked = [ChatMessage("Cancel the booking of 'Alps'.")]
    handler = AskPerson(llm, tools, timeout=30).run(messages=asked)
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            assert cancelled == []
            handler.ctx.send_event(HumanResponseEvent(response=said))
    answer = (await handler).message.content
    assert cancelled == (["Alps"] if said == "yes" else [])
    told = "the room is in use" if fails else "Alps is free again"
    assert (told if said == "yes" else "I left it alone") in answer
    assert len(sandbox.requests(service)) == (3 if said == "yes" else 2)
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1


@each
async def test_a_workflow_that_waits_goes_on_from_its_saved_context(
    sandbox: Sandbox, service: str
) -> None:
    workflow = AskPerson(made(sandbox, service, approval=True), timeout=30)
    handler = workflow.run(messages=[ChatMessage(TASK)])
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            saved = json.loads(json.dumps(handler.ctx.to_dict()))
            break
    await handler.cancel_run()
    other = AskPerson(made(sandbox, service, approval=True), timeout=30)
    restored = other.run(ctx=Context.from_dict(other, saved))
    restored.ctx.send_event(HumanResponseEvent(response="yes"))
    assert (await restored).message.content == f"Done: {TASK}"
    assert len(sandbox.requests(service)) == 2


@each
async def test_where_text_is_wanted_it_is_an_error(sandbox: Sandbox, service: str) -> None:
    llm = made(sandbox, service, approval=True)
    with pytest.raises(AgentInterrupt, match="May I do this"):
        llm.complete(TASK)
    with pytest.raises(AgentInterrupt):
        await llm.acomplete(TASK)
    with pytest.raises(AgentInterrupt):
        list(llm.stream_complete(TASK))


async def _of_a_stream(response: Any) -> None:
    async for _ in response.async_response_gen():
        pass


NO_TOOL = FunctionTool.from_defaults(get_weather)
INDEX = SummaryIndex.from_documents([Document(text="The file is big.")])
WANTED: dict[str, Any] = {
    "query": lambda llm: llm.as_query_engine().query(TASK),
    "aquery": lambda llm: llm.as_query_engine().aquery(TASK),
    "streamed query": lambda llm: str(llm.as_query_engine(streaming=True).query(TASK)),
    "tool": lambda llm: llm.as_tool().call(TASK),
    "atool": lambda llm: llm.as_tool().acall(TASK),
    "chat": lambda llm: llm.as_chat_engine().chat(TASK),
    "achat": lambda llm: llm.as_chat_engine().achat(TASK),
    "streamed chat": lambda llm: list(llm.as_chat_engine().stream_chat(TASK).response_gen),
    "workflow": lambda llm: RemoteWorkflowAgent(name="a", llm=llm).run(TASK),
    "object": lambda llm: llm.structured_predict(Done, PromptTemplate(TASK)),
    "aobject": lambda llm: llm.astructured_predict(Done, PromptTemplate(TASK)),
    "predict": lambda llm: llm.predict(PromptTemplate(TASK)),
    "apredict": lambda llm: llm.apredict(PromptTemplate(TASK)),
    "streamed text": lambda llm: list(llm.stream(PromptTemplate(TASK))),
    "predict and call": lambda llm: llm.predict_and_call([NO_TOOL], TASK),
    "simple chat": lambda llm: SimpleChatEngine.from_defaults(llm=llm).chat(TASK),
    "simple achat": lambda llm: SimpleChatEngine.from_defaults(llm=llm).achat(TASK),
    "function agent": lambda llm: FunctionAgent(tools=[NO_TOOL], llm=llm).run(TASK),
    "unstreamed": lambda llm: FunctionAgent(tools=[NO_TOOL], llm=llm, streaming=False).run(TASK),
    "react agent": lambda llm: ReActAgent(tools=[NO_TOOL], llm=llm).run(TASK),
    "an index": lambda llm: INDEX.as_query_engine(llm=llm).query(TASK),
    "streamed object": lambda llm: list(llm.stream_structured_predict(Done, PromptTemplate(TASK))),
}


class Done(BaseModel):
    """Whether it is done."""

    done: bool


NAMED = {"type": "function", "function": {"name": "get_weather"}}


@each
@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"tool_choice": NAMED}, "get_weather."),
        ({"tool_choice": "get_weather"}, "get_weather."),
        ({"tool_choice": "get_weather", "tool_required": True}, "get_weather."),
        ({"tool_choice": "required"}, "get_weather, other."),
        ({"tool_choice": "auto", "tool_required": True}, "get_weather, other."),
        ({"tool_choice": "auto"}, None),
        ({"tool_choice": "none", "tool_required": True}, None),
        ({}, None),
    ],
)
def test_a_tool_is_forced_however_it_is_named(
    sandbox: Sandbox, service: str, weather: FunctionTool, choice: Any, names: str | None
) -> None:
    other = FunctionTool.from_defaults(get_weather, name="other")
    made(sandbox, service).chat_with_tools([weather, other], QUESTION, **choice)
    body = sandbox.requests(service)[-1]["body"]
    said = json.dumps(body["messages"])
    assert bool(body["tools"]) == (choice.get("tool_choice") != "none")
    assert ("calling one of these tools" in said) == (names is not None)
    assert f"nothing else: {names}" in said or names is None


@each
@pytest.mark.parametrize("way", WANTED)
async def test_engines_say_that_the_agent_waits(sandbox: Sandbox, service: str, way: str) -> None:
    async def ask() -> None:
        asked = WANTED[way](made(sandbox, service, approval=True))
        await asked

    with pytest.raises(AgentInterrupt, match="May I do this") as caught:
        await ask()
    assert TASK in caught.value.interrupts[0].question
    assert caught.value.conversation_id
    assert len(sandbox.requests(service)) == 1


@each
async def test_engines_say_it_in_async_streams(sandbox: Sandbox, service: str) -> None:
    llm = made(sandbox, service, approval=True)
    answers = [
        await llm.as_query_engine(streaming=True).aquery(TASK),
        await llm.as_chat_engine().astream_chat(TASK),
    ]
    for answer in answers:
        with pytest.raises(AgentInterrupt, match="May I do this"):
            await _of_a_stream(answer)


@each
def test_the_session_of_an_engine_that_waits_goes_on(sandbox: Sandbox, service: str) -> None:
    llm = made(sandbox, service, approval=True)
    engine = llm.as_chat_engine()
    with pytest.raises(AgentInterrupt):
        engine.chat(TASK)
    answer = llm.for_session(engine.session_id).chat([], resume="yes")
    assert answer.message.content == f"Done: {TASK}"
    assert len({turn["conversation_id"] for turn in sandbox.turns()}) == 1
