"""A run that waits for a person, on Tencent's own server, in every face."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import HumanResponseEvent

from langchain_agents import ChatCloudBase, CloudBaseLLM, agent_tool, ask_person
from llamaindex_agents import AgentAsksPerson, AskPerson, CloudBase as LlamaCloudBase
from remote_agents import AgentInterrupt, CloudBase, Interrupt
from tests.vendor.serving import Server
from tests.vendor.test_cloudbase import WAYS, way

KNOWN: dict[str, Any] = {"agent_id": "agent-hr", "api_key": "k"}
QUESTION, ANSWER = "May I delete the file?", "You said 'yes'"


@pytest.mark.parametrize("of", WAYS)
async def test_the_paused_message_is_resumed(
    interrupts: Server, of: tuple[str, bool, bool]
) -> None:
    asked = way(interrupts, of)
    paused = await asked.ask("delete it")
    assert (paused.text, paused.metadata["finish_reason"]) == ("", "interrupt")
    assert paused.metadata["interrupts"][0]["question"] == QUESTION
    history = [asked.question("delete it"), paused.message]
    answer = await asked.ask("", history, resume="yes")
    assert answer.text == ANSWER
    assert answer.metadata["finish_reason"] == "stop"
    assert answer.metadata["conversation_id"] == paused.metadata["conversation_id"]


@pytest.mark.parametrize("of", WAYS)
async def test_a_session_is_resumed(interrupts: Server, of: tuple[str, bool, bool]) -> None:
    asked, session = way(interrupts, of), f"s-{of}"
    assert (await asked.ask("delete it", session=session)).text == ""
    answer = await asked.ask("", session=session, resume={"approved": True})
    assert answer.text == "You said {'approved': True}"


@pytest.mark.parametrize("streamed", [False, True])
def test_the_event_and_the_reply_tell_the_same(interrupts: Server, streamed: bool) -> None:
    agent = CloudBase(base_url=interrupts.url, **KNOWN)
    if streamed:
        *events, last = agent.stream("delete it")
        told = [event for event in events if isinstance(event, Interrupt)]
        assert told == last.reply.interrupts
    else:
        told = agent.ask("delete it").interrupts
    assert [each.value for each in told] == [{"question": QUESTION}]


def graph(server: Server) -> Any:
    builder = StateGraph(MessagesState)
    model = ChatCloudBase(base_url=server.url, **KNOWN)
    builder.add_node("agent", ask_person(model))
    builder.add_edge(START, "agent")
    return builder.compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
async def test_a_graph_asks_a_person(interrupts: Server, how: str) -> None:
    app, config = graph(interrupts), {"configurable": {"thread_id": f"{how}-{interrupts.port}"}}
    asked: list[Any] = [{"messages": [HumanMessage("delete it")]}, Command(resume="yes")]
    questions = []
    for given in asked:
        if how == "invoke":
            app.invoke(given, config)
        elif how == "ainvoke":
            await app.ainvoke(given, config)
        elif how == "stream":
            list(app.stream(given, config, stream_mode="messages"))
        else:
            _ = [each async for each in app.astream(given, config, stream_mode="messages")]
        questions += [each.value["question"] for each in app.get_state(config).interrupts]
    assert questions == [QUESTION]
    held = app.get_state(config).values["messages"]
    assert [(message.type, message.text) for message in held] == [
        ("human", "delete it"),
        ("ai", ""),
        ("ai", ANSWER),
    ]


async def test_a_workflow_asks_a_person(interrupts: Server) -> None:
    llm = LlamaCloudBase(base_url=interrupts.url, **KNOWN)
    handler = AskPerson(llm, timeout=60).run(messages=[ChatMessage("delete it")])
    questions = []
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            questions.append(event.question)
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
    assert questions == [QUESTION]
    assert (await handler).message.content == ANSWER


def test_where_text_is_wanted_it_is_an_error(interrupts: Server) -> None:
    settings = {**KNOWN, "base_url": interrupts.url}
    llm = LlamaCloudBase(**settings)
    model = ChatCloudBase(**settings)
    asks: list[Any] = [
        lambda: CloudBaseLLM(**settings).invoke("delete it"),
        lambda: agent_tool(model, description="Deletes.").invoke({"question": "delete it"}),
        lambda: llm.complete("delete it"),
        lambda: llm.as_query_engine().query("delete it"),
        lambda: str(llm.as_query_engine(streaming=True).query("delete it")),
        lambda: llm.as_tool().call("delete it"),
    ]
    for ask in asks:
        with pytest.raises(AgentInterrupt, match="May I delete the file") as caught:
            ask()
        assert caught.value.interrupts[0].question == QUESTION
