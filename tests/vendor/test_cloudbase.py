"""Agents of Tencent's own server, in every face: what its model sees is the caller's history."""

import warnings
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import SystemMessage
from llama_index.core.llms import ChatMessage

from remote_agents import AgentError, CloudBase, Message, RemoteFailureError, TextDelta
from remote_agents.testing.ways import FRAMEWORKS, Way
from tests.vendor.serving import Server, dialogue, options_seen, seen, served

KNOWN = {"agent_id": "agent-hr", "api_key": "k", "max_retries": 0}
WAYS = [
    pytest.param((face, streamed, awaited), id=f"{face}-{how}-{kind}")
    for face in FRAMEWORKS
    for streamed, how in ((True, "streamed"), (False, "whole"))
    for awaited, kind in ((True, "async"), (False, "sync"))
]
QUESTIONS = ["My name is Ada.", "I live in Köln.", "yes", "yes", "Who am I?"]
TEN = [*QUESTIONS, *(f"question {number}" for number in range(6, 11))]


def way(server: Server, of: tuple[str, bool, bool], **settings: Any) -> Way:
    face, streamed, awaited = of
    settings = {"base_url": server.url, **KNOWN, **settings}
    return Way(face, "cloudbase", streamed=streamed, awaited=awaited, **settings)


@pytest.mark.parametrize("of", WAYS)
async def test_ten_turns_with_a_history(hr: Server, of: tuple[str, bool, bool]) -> None:
    asked, history = way(hr, of), []
    for number, question in enumerate(TEN, 1):
        answer = await asked.ask(question, history)
        assert seen(answer.text) == dialogue(*TEN[:number])
        history += [asked.question(question), answer.message]


@pytest.mark.parametrize("of", WAYS)
async def test_five_turns_of_a_session(remembers: Server, of: tuple[str, bool, bool]) -> None:
    asked = way(remembers, of)
    for number, question in enumerate(QUESTIONS, 1):
        answer = await asked.ask(question, session=f"s-{of}")
        assert seen(answer.text) == dialogue(*QUESTIONS[:number])


@pytest.mark.parametrize("named", ["session", "history"])
@pytest.mark.parametrize("of", WAYS)
async def test_a_thread_goes_on_that_holds_what_the_agents_own_tool_gave(
    remembers: Server, of: tuple[str, bool, bool], named: str
) -> None:
    asked, history = way(remembers, of, memory="server"), []
    for question in ("search for it", "yes", "search again", "Who am I?"):
        answer = await asked.ask(question, history, session=f"own-{named}-{of}")
        if named == "history":
            history += [asked.question(question), answer.message]
    found = ["human", "ai", "tool", "ai"]
    told = [role for role, _ in seen(answer.text)]
    assert told == [*found, "human", "ai", *found, "human"]


@pytest.mark.parametrize("of", WAYS)
async def test_a_question_that_was_edited(hr: Server, of: tuple[str, bool, bool]) -> None:
    asked, history = way(hr, of), []
    for question in QUESTIONS[:2]:
        answer = await asked.ask(question, history)
        history += [asked.question(question), answer.message]
    edited = [asked.question("My name is Bob."), *history[1:]]
    answer = await asked.ask("Who am I?", edited)
    assert seen(answer.text) == dialogue("My name is Bob.", QUESTIONS[1], "Who am I?")


def instruction(face: str, text: str) -> Any:
    """A system message in the face's own type."""
    makers = {"langchain": SystemMessage, "llamaindex": partial(ChatMessage, role="system")}
    return makers.get(face, partial(Message, "system"))(text)


@pytest.mark.parametrize("memory", ["auto", "server"])
@pytest.mark.parametrize("of", WAYS)
async def test_the_context_of_today_reaches_the_agent(
    hr: Server, of: tuple[str, bool, bool], memory: Any
) -> None:
    agent, history = way(hr, of, memory=memory), []
    for day in ("monday", "tuesday", "monday"):
        context, question = (
            instruction(of[0], f"CONTEXT: it is {day}"),
            f"Which day is it on {day}?",
        )
        reply = await agent.ask(question, [context, *history])
        asked = [content for kind, content in seen(reply.text) if kind == "human"]
        assert asked[-1].endswith(question)
        newest = [content for content in asked if content.startswith("CONTEXT")][-1]
        assert newest.startswith(f"CONTEXT: it is {day}")
        history += [agent.question(question), reply.message]
    assert [kind for kind, _ in seen(reply.text)] == ["human", "ai", "human", "ai", "human"]


@pytest.mark.parametrize("of", WAYS)
async def test_options_reach_the_agent(hr: Server, of: tuple[str, bool, bool]) -> None:
    asked = way(hr, of, search_enable=True, files=["cloud://a"])
    told = options_seen((await asked.ask("hi")).text)
    assert told == {"search_enable": True, "files": ["cloud://a"]}


@pytest.mark.parametrize("of", WAYS)
async def test_an_answer_that_stands_in_the_snapshot_alone(
    static: Server, of: tuple[str, bool, bool]
) -> None:
    asked, history = way(static, of), []
    for number, question in enumerate(QUESTIONS[:3]):
        answer = await asked.ask(question, history)
        assert answer.text == f"Answer {2 * number + 1}."
        history += [asked.question(question), answer.message]


@pytest.mark.parametrize("of", WAYS)
async def test_a_run_that_fails_in_the_middle(hr: Server, of: tuple[str, bool, bool]) -> None:
    asked = way(hr, of)
    with pytest.raises(AgentError, match="broke down") as caught:
        await asked.ask("fail please")
    assert caught.value.partial.startswith("I SAW ")
    assert isinstance(caught.value, RemoteFailureError)


@pytest.mark.parametrize("shape", ["remembers", "forgets"])
def test_a_server_that_dies_in_the_middle_of_the_sixth_of_ten_turns(shape: str) -> None:
    with served("vendor", "cloudbase.py", shape) as server:
        agent, history = CloudBase(base_url=server.url, **KNOWN), []
        for number in range(1, 11):
            question = f"question {number}"
            if number == 6:
                stream = agent.stream([*history, "wait for it"])
                next(event for event in stream if isinstance(event, TextDelta))
                server.stop()
                with pytest.raises(AgentError) as caught:
                    list(stream)
                assert caught.value.partial.startswith("I SAW ")
                server.start()
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reply = agent.ask([*history, question])
            history += [Message("user", question), reply]
            asked = [m.content for m in history if isinstance(m, Message)]
            assert seen(reply.text) == dialogue(*asked)


@pytest.mark.parametrize("of", [of for of in WAYS if "streamed" in str(of.id)])
async def test_leaving_early_does_no_harm_to_the_next_turn(
    hr: Server, of: tuple[str, bool, bool]
) -> None:
    asked = way(hr, of)
    await asked.leave("first question")
    answer = await asked.ask("second question")
    assert seen(answer.text) == dialogue("second question")


def test_a_long_dialogue_holds_what_was_said_and_no_more(static: Server) -> None:
    agent, history, sizes = CloudBase(base_url=static.url, **KNOWN), [], []
    for number in range(20):
        reply = agent.ask([*history, f"question {number}"])
        history += [Message("user", f"question {number}"), reply]
        assert reply.steps == []
        sizes.append(len(repr(vars(reply))))
    assert sizes[-1] < 2 * sizes[0]
