"""What a snapshot of the whole thread adds to a run: not what was said before it."""

from typing import Any

import pytest

from remote_agents.types import ToolCall, ToolResult
from remote_agents.wire.ag_ui import Sent
from tests.ag_ui.runs import (
    FINISHED,
    STARTED,
    agent,
    call,
    result,
    snapshot,
    told,
    tool,
    user,
    whole,
)


def test_a_snapshot_is_read_behind_what_was_sent() -> None:
    """The agent repeats an earlier answer behind a tool's result that the caller sent."""
    held = snapshot(
        user("u", "hi"), agent("1", "Let me look.", ("c", "weather", "{}")), tool("c", "sunny")
    )
    held["messages"].append(agent("2", "It is sunny."))
    sent = Sent(messages=frozenset({"u", "1", "of-c"}), results=frozenset({"c"}))
    assert told([STARTED, held, FINISHED], sent).text == "It is sunny."


def test_a_snapshot_of_a_run_that_went_on_is_read_behind_the_newest_result() -> None:
    held = snapshot(user("u", "hi"), agent("1", "I delete.", ("c", "rm", "{}")), tool("c", "ok"))
    held["messages"].append(agent("2", "Deleted."))
    assert told([STARTED, held, FINISHED], Sent(resumes=True)).text == "Deleted."


PAUSED = (user("u", "hi"), agent("1", "Looking."))
RESUMED = {
    "streamed": ([*whole("2", "Done."), snapshot(*PAUSED, agent("2", "Done."))], "Done."),
    "in a snapshot alone": ([snapshot(*PAUSED, agent("2", "Done."))], "Done."),
    "begins with the thread": ([snapshot(*PAUSED), *whole("2", "Done.")], "Done."),
}


@pytest.mark.parametrize("known", [frozenset(), frozenset({"1"})], ids=["unknown", "known"])
@pytest.mark.parametrize(("run", "text"), RESUMED.values(), ids=RESUMED)
def test_a_resumed_run_says_nothing_again(
    run: list[dict[str, Any]], text: str, known: frozenset[str]
) -> None:
    assert told([STARTED, *run, FINISHED], Sent(messages=known, resumes=True)).text == text


def test_what_a_resumed_run_says_unstreamed_is_not_lost() -> None:
    held = snapshot(*PAUSED, agent("2", "Deleted."), agent("3", "Done."))
    sent = Sent(messages=frozenset({"1"}), resumes=True)
    reply = told([STARTED, *whole("3", "Done."), held, FINISHED], sent)
    assert sorted(reply.text.split("\n\n")) == ["Deleted.", "Done."]


ASKED = "Book it? Yes or no.\n\nSay it."
BESIDE = {
    "a part of a paragraph": ([agent("1", ASKED), agent("2", "Yes")], f"{ASKED}\n\nYes"),
    "a paragraph": ([agent("1", ASKED), agent("2", "Say it.")], ASKED),
    "a streamed one under another id": ([agent("9", "Yes or no.")], ASKED),
    "another step's": ([agent("1", ASKED), agent("2", "5"), agent("3", "5")], f"{ASKED}\n\n5"),
}


@pytest.mark.parametrize(("said", "text"), BESIDE.values(), ids=BESIDE)
def test_what_is_not_streamed_is_told_though_its_words_stand_in_another(
    said: list[dict[str, Any]], text: str
) -> None:
    sent = Sent(messages=frozenset({"u"}))
    run = [STARTED, *whole("1", ASKED), snapshot(user("u", "hi"), *said), FINISHED]
    assert told(run, sent).text == text


@pytest.mark.parametrize("text", ["A \n\nB", "A\n\n\n  - B"], ids=repr)
def test_what_was_streamed_under_another_id_is_told_once_whatever_its_blank_lines(
    text: str,
) -> None:
    said = snapshot(agent("1", "First."), agent("9", text))
    reply = told([STARTED, *whole("1", "First."), *whole("2", text), said, FINISHED])
    assert reply.text == f"First.\n\n{text}"


def test_messages_that_were_streamed_as_one_are_told_once() -> None:
    """Their ids tell nothing: the first stands for both."""
    said = snapshot(agent("1", "First."), agent("2", "Second."))
    assert told([STARTED, *whole("1", "First. Second."), said, FINISHED]).text == "First. Second."


def test_a_run_may_begin_with_the_thread_as_it_was() -> None:
    before = snapshot(user("u0", "hello"), agent("0", "Hello!"))
    sent = Sent(messages=frozenset({"u"}))
    assert told([STARTED, before, *whole("1", "25 days."), FINISHED], sent).text == "25 days."


@pytest.mark.parametrize("sent", [Sent(), Sent(messages=frozenset({"u"})), Sent(resumes=True)])
def test_a_message_whose_id_is_none_is_read(sent: Sent) -> None:
    odd = {"id": [], "role": "assistant", "content": "Done."}
    assert told([STARTED, snapshot(user("u", "hi"), odd), FINISHED], sent).text == "Done."


@pytest.mark.parametrize("told_before", [[], [result("c", "crew says hi")]], ids=["late", "both"])
@pytest.mark.parametrize("more", [[], [*call("c", "crew", '{"a": 1}'), *whole("3", "It said")]])
def test_a_result_is_told_once_though_the_text_comes_before_it(
    told_before: list[Any], more: list[Any]
) -> None:
    """As ag-ui-crewai 1.0.0 sends a crew's: a call, the answer, and a snapshot that holds it."""
    called, said = agent("1", "", ("c", "crew", "{}")), agent("9", "It said hi.")
    held = snapshot(user("u", "hi"), called, tool("c", "crew says hi"), said)
    run = [*call("c", "crew", "{}"), *told_before, *whole("2", "It said hi."), held, FINISHED]
    reply = told([STARTED, *more, *run], Sent(messages=frozenset({"u"})))
    calls = [ToolCall("c", "crew", {"a": 1})] if more else []
    assert reply.steps == [*calls, ToolCall("c", "crew", {}), ToolResult("c", "crew says hi")]
    assert (reply.text.endswith("It said hi."), reply.tool_calls) == (True, [])
