"""The patterns of real applications, and what each of them sends; a row each in docs/memory.md."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware, dynamic_prompt
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableFieldSpec, RunnableParallel
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from langchain_agents import agent_tool
from remote_agents import InMemorySessionStore
from tests.langchain.services import CHAT, KEEPING, chat, every_service

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory"),
    pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory"),
]
every_keeping = pytest.mark.parametrize("service", KEEPING)
TOLD, ASKED, THANKS = "My secret word is zebra-17.", "What is my secret word?", "Thanks."


class Sent:
    """A model of a service, and what it was sent since."""

    def __init__(self, sandbox: Any, service: str, **settings: Any) -> None:
        store = InMemorySessionStore()
        self.model = chat(sandbox, service, session_store=store, **settings)
        self.context = CHAT[service].endpoint.context
        self._box, self._service = sandbox, service
        self._begun = len(sandbox.turns(service))

    @property
    def turns(self) -> list[Any]:
        return list(self._box.turns(self._service)[self._begun :])

    @property
    def ids(self) -> list[str]:
        return [turn["conversation_id"] for turn in self.turns]

    def texts(self, turn: int = -1) -> str:
        return "\n".join(message["content"] for message in self.turns[turn]["messages"])

    def sends_one_a_turn(self) -> bool:
        return self.context or all(len(turn["messages"]) == 1 for turn in self.turns)


@pytest.fixture
def sent(sandbox: Any, service: str) -> Sent:
    return Sent(sandbox, service)


def thread() -> Any:
    return {"configurable": {"thread_id": str(uuid.uuid4())}}


def graph(node: Any, state: Any = MessagesState, *, checkpointer: bool = True) -> Any:
    builder = StateGraph(state)
    builder.add_node("agent", node)
    builder.add_edge(START, "agent")
    return builder.compile(checkpointer=InMemorySaver() if checkpointer else None)


@every_keeping
def test_a_checkpointed_state_sends_what_is_new(sent: Sent) -> None:
    app, config = graph(lambda s: {"messages": [sent.model.invoke(s["messages"])]}), thread()
    for text in (TOLD, THANKS, ASKED):
        answer = app.invoke({"messages": [HumanMessage(text)]}, config)["messages"][-1]
    assert "zebra-17" in answer.text
    assert len(set(sent.ids)) == 1
    assert sent.sends_one_a_turn()


@every_keeping
def test_a_state_without_a_checkpointer_stands_alone(sent: Sent) -> None:
    app = graph(lambda s: {"messages": [sent.model.invoke(s["messages"])]}, checkpointer=False)
    for _ in range(2):
        app.invoke({"messages": [HumanMessage(TOLD), AIMessage("Noted."), HumanMessage(ASKED)]})
    assert TOLD in sent.texts()
    assert sent.ids[0] is None or sent.ids[0] != sent.ids[1]


@every_keeping
def test_a_string_state_asks_bare_prompts(sent: Sent) -> None:
    class Text(TypedDict):
        text: str

    app, config = graph(lambda s: {"text": sent.model.invoke(s["text"]).text}, Text), thread()
    for text in (TOLD, ASKED):
        said = app.invoke({"text": text}, config)["text"]
    assert "zebra-17" not in said
    assert len(set(sent.ids)) == 2


@every_keeping
def test_a_resumed_node_goes_on_in_its_second_conversation(sent: Sent) -> None:
    def review(state: Any) -> Any:
        reply = sent.model.invoke(state["messages"])
        interrupt({"draft": reply.text})
        return {"messages": [reply]}

    app, config = graph(review), thread()
    for text in (TOLD, THANKS, ASKED):
        app.invoke({"messages": [HumanMessage(text)]}, config)
        answer = app.invoke(Command(resume="yes"), config)["messages"][-1]
    assert "zebra-17" in answer.text
    assert len(sent.ids) == 6


def with_history(runnable: Any, kept: dict[Any, Any], **how: Any) -> Any:
    def history(user_id: str, session_id: str) -> Any:
        return kept.setdefault((user_id, session_id), InMemoryChatMessageHistory())

    def named(session_id: str) -> Any:
        return history("", session_id)

    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("past"), ("human", "{q}")])
    return RunnableWithMessageHistory(
        prompt | runnable,
        history if how else named,
        input_messages_key="q",
        history_messages_key="past",
        **how,
    )


@every_keeping
def test_a_message_history_sends_what_is_new_until_it_is_cleared(sent: Sent) -> None:
    kept: dict[Any, Any] = {}
    chain, config = with_history(sent.model, kept), {"configurable": {"session_id": "1"}}
    for text in (TOLD, THANKS):
        chain.invoke({"q": text}, config)
    assert len(set(sent.ids)) == 1
    assert sent.sends_one_a_turn()
    kept["", "1"].clear()
    assert "zebra-17" not in chain.invoke({"q": ASKED}, config).text
    assert len(set(sent.ids)) == 2
    assert "session_id" in str(chain.config_schema().model_json_schema())


@every_keeping
def test_two_users_of_one_session_name_are_two_dialogues(sent: Sent) -> None:
    keys = [ConfigurableFieldSpec(id=n, annotation=str) for n in ("user_id", "session_id")]
    chain = with_history(sent.model, {}, history_factory_config=keys)
    for user, text in (("alice", TOLD), ("bob", ASKED)):
        said = chain.invoke({"q": text}, {"configurable": {"user_id": user, "session_id": "1"}})
    assert "zebra-17" not in said.text
    assert len(set(sent.ids)) == 2
    assert chain.config_schema().model_json_schema()


@every_keeping
def test_a_greeting_that_all_share_belongs_to_nobody(sent: Sent) -> None:
    for memory in ("auto", "server"):
        greeting = sent.model.invoke("Hello", memory=memory)
        for user, text in (("alice", TOLD), ("bob", ASKED)):
            config: Any = {"configurable": {"session_id": f"{user}-{memory}"}}
            prompt = [HumanMessage("Hello"), greeting, HumanMessage(text)]
            said = sent.model.invoke(prompt, config).text
        assert "zebra-17" not in said


@every_keeping
def test_a_summary_begins_a_new_conversation(sent: Sent) -> None:
    middleware = SummarizationMiddleware(
        model=sent.model, trigger=("messages", 5), keep=("messages", 2)
    )
    agent = create_agent(sent.model, middleware=[middleware], checkpointer=InMemorySaver())
    config = thread()
    for text in (TOLD, "How many vacation days do I get?", "And part-time staff?", THANKS):
        agent.invoke({"messages": [HumanMessage(text)]}, config)
    mine = {turn["conversation_id"] for turn in sent.turns if "Context Extraction" in str(turn)}
    users = {
        turn["conversation_id"] for turn in sent.turns if "Context Extraction" not in str(turn)
    }
    assert mine
    assert not (mine - {None}) & users


@every_keeping
def test_a_dynamic_prompt_is_sent_when_it_comes_back(
    sandbox: Any, service: str, sent: Sent
) -> None:
    rule: dict[str, str] = {}

    @dynamic_prompt
    def prompt(request: Any) -> str:
        return rule["now"]

    agent = create_agent(sent.model, middleware=[prompt], checkpointer=InMemorySaver())
    config = thread()
    for rule["now"] in ("Answer in English.", "Answer in French.", "Answer in English."):
        agent.invoke({"messages": [HumanMessage(THANKS)]}, config)
        assert rule["now"] in str(sandbox.requests(service)[-1]["body"])
    assert len(set(sent.ids)) == 1


class Supervisor(FakeMessagesListChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def supervised(name: str, argument: str, *texts: str) -> Supervisor:
    calls = [
        AIMessage("", tool_calls=[{"name": name, "args": {argument: text}, "id": str(n)}])
        for n, text in enumerate(texts)
    ]
    return Supervisor(responses=[*calls, AIMessage("Done.")])


@every_keeping
def test_a_sub_agent_begins_from_a_blank_slate(sent: Sent) -> None:
    @tool
    def task(description: str) -> str:
        """Give a task to a fresh sub-agent."""
        asked: Any = {"messages": [HumanMessage(description)]}
        return str(create_agent(sent.model).invoke(asked)["messages"][-1].text)

    asker = supervised("task", "description", TOLD, ASKED)
    app = create_agent(asker, tools=[task], checkpointer=InMemorySaver())
    state = app.invoke({"messages": [HumanMessage("Go.")]}, thread())
    said = [message.text for message in state["messages"] if message.type == "tool"]
    assert "zebra-17" not in said[1]


@every_keeping
@pytest.mark.parametrize("settings", [{}, {"memory": "client"}, {"tags": ["nostream"]}], ids=str)
def test_a_tool_has_a_conversation_of_its_own(
    sandbox: Any, service: str, settings: dict[str, Any]
) -> None:
    sent = Sent(sandbox, service, **settings)
    helper = agent_tool(sent.model, name="handbook", description="The handbook.")
    asker = supervised("handbook", "question", TOLD, ASKED)
    app = create_agent(asker, tools=[helper], checkpointer=InMemorySaver())
    state = app.invoke({"messages": [HumanMessage("Go.")]}, thread())
    said = [message.text for message in state["messages"] if message.type == "tool"]
    assert ("zebra-17" in said[1]) is ("memory" not in settings)


OTHERS = {"model_provider": "openai", "model_name": "other"}


@every_keeping
def test_what_other_models_said_is_sent_and_the_question_is_last(sent: Sent) -> None:
    config = thread()
    history: list[Any] = [HumanMessage(TOLD)]
    history += [sent.model.invoke(history, config), HumanMessage("Ask the other one: APPLE?")]
    history += [AIMessage("I pass this on.", name="other", response_metadata=OTHERS)]
    sent.model.invoke(history, config)
    assert len(set(sent.ids)) == 1
    last = sent.turns[-1]["messages"][-1]["content"]
    assert "I pass this on." in sent.texts()
    assert last.endswith("Ask the other one: APPLE?")


@every_service
@pytest.mark.parametrize("marked", [True, False], ids=["marked", "unmarked"])
def test_a_question_that_a_supervisor_passed_on_is_answered(sent: Sent, marked: bool) -> None:
    worker, config, history = create_agent(sent.model), thread(), list[Any]()
    for number, question in enumerate(("How many vacation days do I get?", "And sick days?")):
        call = {"name": "transfer_to_handbook", "args": {}, "id": str(number)}
        note = ToolMessage("Transferred to handbook", tool_call_id=str(number))
        by = OTHERS if marked else {}
        history += [HumanMessage(question), AIMessage("", tool_calls=[call], response_metadata=by)]
        state: Any = worker.invoke({"messages": [*history, note]}, config)
        history = state["messages"]
        assert sent.turns[-1]["messages"][-1]["content"].endswith(question)
    assert "25" in history[3].text


HIDDEN: dict[str, Callable[[Any], Any]] = {
    "by its memory": lambda model: model.bind(memory="client"),
    "by a tag of its config": lambda model: model.with_config(tags=["nostream"]),
    "by a tag of its own": lambda model: model.model_copy(update={"tags": ["nostream"]}),
}


@every_keeping
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_rewritten_question_is_no_turn(sent: Sent, hidden: str) -> None:
    config: Any = {"configurable": {"session_id": "rag"}}
    rewriter = HIDDEN[hidden](sent.model)
    history: list[Any] = [HumanMessage(TOLD)]
    history += [sent.model.invoke(history, config), HumanMessage(ASKED)]
    rewriter.invoke([SystemMessage("Rewrite it. Do not answer."), *history], config)
    list(rewriter.stream("Say it in other words: " + ASKED, config))
    assert "zebra-17" in sent.model.invoke(history, config).text
    assert sent.ids[0] == sent.ids[3] not in sent.ids[1:3]


@every_keeping
def test_prompts_at_once_in_a_thread_stand_alone(sent: Sent) -> None:
    both = RunnableParallel(one=sent.model, two=sent.model)
    both.invoke(TOLD, thread())
    sent.model.batch([TOLD, TOLD], thread())
    assert len(set(sent.ids)) == 4


@every_keeping
def test_examples_are_a_dialogue_of_their_own(sent: Sent) -> None:
    examples = [HumanMessage("2+2"), AIMessage("4")]
    config: Any = {"configurable": {"session_id": "examples"}}
    first = sent.model.invoke([*examples, HumanMessage(TOLD)], config)
    asked = [*examples, HumanMessage(TOLD), first, HumanMessage(ASKED)]
    assert "zebra-17" in sent.model.invoke(asked, config).text
    assert "zebra-17" not in sent.model.invoke([*examples, HumanMessage(ASKED)], config).text
    assert sent.ids[0] == sent.ids[1] != sent.ids[2]


@every_keeping
def test_a_translated_answer_is_replayed(sent: Sent) -> None:
    config = thread()
    history: list[Any] = [HumanMessage(TOLD)]
    answer = sent.model.invoke(history, config)
    history += [answer.model_copy(update={"content": "Verstanden."}), HumanMessage(ASKED)]
    reply = sent.model.invoke(history, config)
    assert reply.response_metadata["memory"] == "replayed"
    assert reply.response_metadata["differs"] == {"index": 1, "role": "assistant"}
    assert "Verstanden." in sent.texts()


@every_keeping
def test_a_trimmed_history_goes_on(sent: Sent) -> None:
    config, history = thread(), list[Any]()
    for text in (TOLD, THANKS, "And you?", ASKED):
        history.append(HumanMessage(text))
        short = trim_messages(
            history, max_tokens=3, token_counter=len, strategy="last", start_on="human"
        )
        history.append(sent.model.invoke(short, config))
    assert "zebra-17" in history[-1].text or sent.context
    assert len(set(sent.ids)) == 1


def test_the_declared_session_is_that_of_langchains_histories(sandbox: Any) -> None:
    model = chat(sandbox, "bluenexus")
    default = with_history(model, {}).history_factory_config
    mine = [spec for spec in model.config_specs if spec.id == "session_id"]
    assert [tuple(spec) for spec in mine] == [tuple(spec) for spec in default]
    for declaring in (model, agent_tool(model, description="The handbook.")):
        assert [spec.id for spec in declaring.config_specs] == ["session_id", "thread_id"]
