"""Tools of the caller's, called by the agents of the sandbox, in LangChain and LangGraph."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import TodoListMiddleware
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, Field

from langchain_agents import ChatAgent, ChatAGUI, ChatCloudBase
from langchain_agents._errors import ToolsNotSupportedError
from remote_agents import ClientToolCall, ConfigurationError, Message, StreamProtocolError
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way
from remote_agents.types import Turn
from remote_agents.wire.ag_ui import run_input, sent_in
from tests.ag_ui.runs import FINISHED, STARTED, begin, call, end, run, say, told, whole
from tests.raw_server import serving

CALLS: list[str] = []
QUESTION = "What is the weather in Paris?"


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    CALLS.append(city)
    if city == "Atlantis":
        raise ValueError("no such city")
    return f"sunny in {city}"


WEATHER = convert_to_openai_tool(get_weather)


class Report(BaseModel):
    """A report about a city."""

    city: str


class Leave(BaseModel):
    """What somebody is entitled to."""

    days: int = Field(description="vacation days in a year")


@pytest.fixture(params=["ag_ui", "cloudbase"])
def model(request: pytest.FixtureRequest, sandbox: Sandbox) -> ChatAgent:
    CALLS.clear()
    kwargs: Any = sandbox.kwargs(request.param)
    if request.param == "ag_ui":
        return ChatAGUI(**kwargs)
    return ChatCloudBase(**{**kwargs, "agent_id": "agent-handbook"})


def summed(chunks: Any) -> Any:
    first, *rest = chunks
    return first + rest


ASKED = {
    "invoke": lambda model: model.invoke(QUESTION),
    "stream": lambda model: summed(model.stream(QUESTION)),
    "events": lambda model: model.stream_events(QUESTION, version="v3").output,
}


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("way", ASKED)
def test_a_call_is_asked_for(model: ChatAgent, way: str, version: str) -> None:
    bound = model.model_copy(update={"output_version": version}).bind_tools([get_weather])
    if version == "v0":
        bound = model.bind_tools([get_weather])
    message = ASKED[way](bound)
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    assert message.response_metadata["finish_reason"] == "tool_calls"
    (block,) = [b for b in message.content_blocks if b["type"].startswith("tool_call")]
    assert (block["name"], block["args"], block["id"]) == ("get_weather", call["args"], call["id"])


async def test_a_call_is_asked_for_with_asyncio(model: ChatAgent) -> None:
    bound = model.bind_tools([get_weather])
    for message in (
        await bound.ainvoke(QUESTION),
        summed([c async for c in bound.astream(QUESTION)]),
    ):
        assert message.tool_calls[0]["args"] == {"city": "Paris"}


@pytest.mark.parametrize("streamed", [False, True])
def test_an_agent_runs_the_tool_and_answers_from_its_result(
    model: ChatAgent, streamed: bool, sandbox: Sandbox
) -> None:
    agent = create_agent(model, [get_weather], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": f"tools-{streamed}"}}
    asked: Any = {"messages": [HumanMessage(QUESTION)]}
    if streamed:
        list(agent.stream(asked, config, stream_mode="messages"))
    else:
        agent.invoke(asked, config)
    messages = agent.get_state(config).values["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert "sunny in Paris" in messages[-1].text
    assert CALLS == ["Paris"]
    threads = {turn["conversation_id"] for turn in sandbox.turns()}
    assert len(threads) == 1
    answer = agent.invoke({"messages": [HumanMessage("How many vacation days do I get?")]}, config)
    assert "25 vacation days" in answer["messages"][-1].text


def test_an_agent_in_a_session_goes_on_after_a_tool(model: ChatAgent) -> None:
    """What the tool's result is sent with is no history that the caller keeps."""
    agent = create_agent(model, [get_weather])
    config: Any = {"configurable": {"session_id": f"{model.endpoint.name} tools"}}
    for question in ("My secret word is zebra-17.", QUESTION, "What is my secret word?"):
        answer = agent.invoke({"messages": [HumanMessage(question)]}, config)["messages"][-1]
    assert CALLS == ["Paris"]
    assert "zebra-17" in answer.text
    assert answer.response_metadata["memory_reason"] == "session"


def test_an_agent_gives_a_structured_answer(model: ChatAgent) -> None:
    agent = create_agent(model, [get_weather], response_format=Report)
    answer = agent.invoke({"messages": [HumanMessage(QUESTION)]})
    assert answer["structured_response"] == Report(city="Paris")
    assert CALLS == ["Paris"]


@pytest.mark.parametrize("tools", [[], [get_weather]])
def test_a_structured_answer_is_from_the_documents(model: ChatAgent, tools: list[Any]) -> None:
    agent = create_agent(model, tools, response_format=Leave)
    asked = [HumanMessage("How many vacation days do I get?")]
    assert agent.invoke({"messages": asked})["structured_response"] == Leave(days=25)
    assert not CALLS


def test_instructions_that_name_a_tool_do_not_call_it(model: ChatAgent) -> None:
    agent = create_agent(model, [get_weather], middleware=[TodoListMiddleware()])
    answer = agent.invoke({"messages": [HumanMessage(QUESTION)]})
    assert answer["messages"][-1].text == "The tool says: sunny in Paris"
    assert CALLS == ["Paris"]


def test_a_tool_that_fails_is_told_to_the_agent(model: ChatAgent) -> None:
    bound = model.bind_tools([get_weather])
    asked = bound.invoke(QUESTION)
    failed = ToolMessage("no such city", tool_call_id=asked.tool_calls[0]["id"], status="error")
    answer = bound.invoke([HumanMessage(QUESTION), asked, failed])
    assert "no such city" in answer.text


FOUND = {
    "json": '{"hits": [{"text": "It rains in Oslo."}, {"text": "The weather in Paris is sunny."}]}',
    "pages": "[1] Oslo\nIt rains in Oslo.\n\n[2] Paris\nThe weather in Paris is sunny.",
}


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_of_what_a_tool_found_the_answer_is_what_was_asked(model: ChatAgent, found: str) -> None:
    bound = model.bind_tools([get_weather])
    asked = bound.invoke(QUESTION)
    result = ToolMessage(found, tool_call_id=asked.tool_calls[0]["id"])
    answer = bound.invoke([HumanMessage(QUESTION), asked, result])
    assert answer.text == "The tool says: The weather in Paris is sunny."


def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def search_flights(origin: str, destination: str, date: str) -> str:
    """Search flights between two cities."""
    return f"{origin} {destination} {date}"


@pytest.mark.parametrize(
    ("question", "called", "given"),
    [
        ("What is 3 times 4?", "multiply", {"a": 3, "b": 4}),
        ("What is 1234 * 4567?", "multiply", {"a": 1234, "b": 4567}),
        ("How much is 20+8?", "add", {"a": 20, "b": 8}),
        (
            "Find a flight from Oslo to Porto on 3 May.",
            "search_flights",
            {"origin": "Oslo", "destination": "Porto", "date": "3 May"},
        ),
    ],
)
def test_a_call_says_what_the_question_says(
    model: ChatAgent, question: str, called: str, given: dict[str, Any]
) -> None:
    bound = model.bind_tools([add, multiply, search_flights])
    calls = [(call["name"], call["args"]) for call in bound.invoke(question).tool_calls]
    assert calls == [(called, given)]


@pytest.mark.parametrize("choice", ["any", "required", "get_weather", True])
def test_a_tool_that_has_to_be_called(model: ChatAgent, choice: Any) -> None:
    (call,) = model.bind_tools([get_weather], tool_choice=choice).invoke("Hello!").tool_calls
    assert call["name"] == "get_weather"


@pytest.mark.parametrize("name", ["get_weather", "save"])
def test_the_tool_that_is_called_for_is_called(model: ChatAgent, name: str) -> None:
    bound = model.bind_tools([get_weather, {**FORM, "name": "save"}], tool_choice=name)
    assert [call["name"] for call in bound.invoke(QUESTION).tool_calls] == [name]


def test_no_tool_has_to_be_called(model: ChatAgent) -> None:
    assert model.bind_tools([get_weather], tool_choice="auto").invoke("Hello!").tool_calls == []


NAMED = {"type": "function", "function": {"name": "get_weather"}}


@pytest.mark.parametrize(
    ("choice", "demanded"),
    [(NAMED, True), ("required", True), (True, True), ("auto", False), ("none", False)],
)
def test_a_choice_means_the_same_to_the_plain_client(
    model: ChatAgent, sandbox: Sandbox, choice: Any, demanded: bool
) -> None:
    called = [
        model.bind_tools([get_weather], tool_choice=choice).invoke(QUESTION).tool_calls,
        model.client.ask(QUESTION, tools=[WEATHER], tool_choice=choice).tool_calls,
    ]
    assert [len(calls) for calls in called] == [choice != "none"] * 2
    for request in sandbox.requests():
        assert bool(request["body"]["tools"]) == (choice != "none")
        assert ("calling one of these tools" in str(request["body"]["messages"])) == demanded


def test_agents_that_take_no_tools_refuse_them_when_they_are_bound(sandbox: Sandbox) -> None:
    with pytest.raises(ToolsNotSupportedError, match="brings its own tools"):
        ChatCloudBase(**sandbox.kwargs("cloudbase")).bind_tools([get_weather])


@pytest.mark.parametrize(
    ("tool", "choice", "says"),
    [({"type": "web_search"}, None, "'web_search' is none"), (WEATHER, "get_time", "'get_time'")],
)
def test_what_is_no_tool_of_the_callers_is_refused_by_name(
    model: ChatAgent, sandbox: Sandbox, tool: Any, choice: str | None, says: str
) -> None:
    asking = [
        lambda: model.bind_tools([tool], tool_choice=choice).invoke(QUESTION),
        lambda: model.client.ask(QUESTION, tools=[tool], tool_choice=choice),
        lambda: list(model.client.stream(QUESTION, tools=[tool], tool_choice=choice)),
    ]
    for ask in asking:
        with pytest.raises(ConfigurationError, match=says):
            ask()
    assert sandbox.requests() == []


@pytest.mark.parametrize("tools", [True, 5])
def test_tools_that_are_no_list_are_refused(model: ChatAgent, tools: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{tools} is none"):
        model.client.ask(QUESTION, tools=tools)


# --- a call in words -----------------------------------------------------------------------------

FORM = {"name": "get_weather", "description": "", "parameters": {}}
WORDS = {
    '{"name": "get_weather", "arguments": {"city": "Paris"}}': {"city": "Paris"},
    'Here: ```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```': {
        "city": "Paris"
    },
    '{"name": "get_weather", "arguments": "{\\"city\\": \\"Paris\\"}"}': {"city": "Paris"},
}


@pytest.mark.parametrize("said", WORDS)
def test_a_call_in_words_is_read_where_one_was_demanded(said: str) -> None:
    run = [STARTED, begin("1"), say("1", said), end("1"), FINISHED]
    for choice in ("any", "get_weather"):
        options = {"tools": [FORM], "tool_choice": choice}
        turn = Turn("a", [Message("user", "hi", id="u")], options=options)
        body = run_input(turn, "t")
        assert "get_weather" in body["messages"][0]["content"]
        reply = told(run, sent_in(body, turn))
        assert [(c.name, c.arguments) for c in reply.tool_calls] == [
            ("get_weather", {"city": "Paris"})
        ]
        assert reply.finish_reason == "tool_calls"
    free = {"tools": [FORM]}
    turn = Turn("a", [], options=free)
    assert told(run, sent_in(run_input(turn, "t"), turn)).tool_calls == []


def test_a_demand_stands_before_the_question_and_behind_results() -> None:
    call = ClientToolCall("c", "get_weather", {})
    asked = [Message("user", "hi", id="1"), Message("assistant", "", id="2", tool_calls=[call])]
    result = Message("tool", "sunny", id="3", tool_call_id="c")
    options = {"tools": [FORM], "tool_choice": "any"}
    first = run_input(Turn("a", asked[:1], options=options), "t")["messages"]
    assert [message["role"] for message in first] == ["user", "user"]
    assert first[-1]["content"] == "hi"
    second = run_input(Turn("a", [result], options=options, history=asked), "t")["messages"]
    assert [message["role"] for message in second] == ["user", "assistant", "tool", "user"]


def test_a_reply_of_the_plain_client_goes_on(sandbox: Sandbox) -> None:
    from remote_agents import AGUI

    agent, tools = AGUI(**sandbox.kwargs("ag_ui")), [FORM]
    form = {
        **FORM,
        "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    reply = agent.ask(QUESTION, tools=[form])
    (call,) = reply.tool_calls
    assert call.arguments == {"city": "Paris"}
    result = Message("tool", "sunny in Paris", tool_call_id=call.id)
    assert "sunny in Paris" in agent.ask([QUESTION, reply, result], tools=tools).text


@pytest.mark.parametrize("service", ["ag_ui", "cloudbase"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
@pytest.mark.parametrize("cut", ['{"city": "Par', '["Paris"]'])
async def test_a_call_whose_arguments_were_cut_off_is_an_error(
    service: str, framework: str, streamed: bool, awaited: bool, cut: str
) -> None:
    with serving(run(*whole("1", "I look."), *call("c", "get_weather", cut), FINISHED)) as server:
        named = {"base_url": server.url, "agent_id": "agent-1", "api_key": "k", "max_retries": 0}
        way = Way(framework, service, streamed=streamed, awaited=awaited, **named)
        with pytest.raises(StreamProtocolError, match="get_weather") as caught:
            await way.ask(QUESTION, tools=[WEATHER])
    assert caught.value.partial == "I look."
    assert not caught.value.safe_to_repeat
