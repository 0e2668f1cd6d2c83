"""Why a turn went where it did: the same on the reply, in the log, in the span and its record."""

import itertools
import re
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from langchain_core.messages import SystemMessage
from llama_index.core.llms import ChatMessage

from remote_agents import InMemorySessionStore, Message, TurnRecord
from remote_agents.memory.dialogue import names_in
from remote_agents.memory.plan import Reason
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Answer, Way
from tests.memory.faces import LONG
from tests.memory.ways import REMEMBERING, client

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PAGE = Path(__file__).parents[2] / "docs/memory.md"
TOLD, ASKED = "My secret word is zebra-17.", "What is my secret word?"
SYSTEM: dict[str, Any] = {
    "plain": Message("system", "Be brief."),
    "langchain": SystemMessage("Be brief."),
    "llamaindex": ChatMessage(role="system", content="Be brief."),
}
THREAD: dict[str, Any] = {
    "plain": {"dialogue": names_in({"thread_id": "t1"})},
    "langchain": {"config": {"configurable": {"thread_id": "t1"}}},
}
Scene = Callable[[Way, Sandbox], Awaitable[Answer]]


async def told(way: Way, *before: Any, session: str = "u1") -> list[Any]:
    """A history of one turn."""
    first = await way.ask(TOLD, before, session)
    return [*before, way.question(TOLD), first.message]


async def first_turn(way: Way, box: Sandbox) -> Answer:
    return await way.ask(TOLD, session="u1")


async def nothing_named(way: Way, box: Sandbox) -> Answer:
    return await way.ask(TOLD, memory="server")


async def of_session(way: Way, box: Sandbox) -> Answer:
    await told(way)
    return await way.ask(ASKED, session="u1")


async def history(way: Way, box: Sandbox) -> Answer:
    return await way.ask(ASKED, await told(way), "u1")


async def conversation_id(way: Way, box: Sandbox) -> Answer:
    first = await way.ask(TOLD, session="u1")
    return await way.ask(ASKED, conversation_id=first.metadata["conversation_id"])


async def prompt_alone(way: Way, box: Sandbox) -> Answer:
    await way.ask(TOLD, **THREAD[way.framework])
    return await way.ask(ASKED, **THREAD[way.framework])


async def cleared(way: Way, box: Sandbox) -> Answer:
    await way.ask(ASKED, await told(way), "u1")
    return await way.ask(ASKED, session="u1")


async def unknown_history(way: Way, box: Sandbox) -> Answer:
    return await way.ask(ASKED, await told(way, session="another"), "u1")


async def history_differs(way: Way, box: Sandbox) -> Answer:
    return await way.ask(ASKED, [way.question("No."), *(await told(way))[1:]], "u1")


async def instruction_dropped(way: Way, box: Sandbox) -> Answer:
    return await way.ask(ASKED, (await told(way, SYSTEM[way.framework]))[1:], "u1")


async def under_way(way: Way, box: Sandbox) -> Answer:
    messages = await told(way)
    other = client(box, way.endpoint, session_store=way.model.session_store)
    stream = other.stream(LONG, session_id="u1")
    next(stream)
    try:
        return await way.ask(ASKED, messages, "u1")
    finally:
        stream.close()


async def lost(way: Way, box: Sandbox) -> Answer:
    messages = await told(way)
    box.expire_conversations()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return await way.ask(ASKED, messages, "u1")


SCENES: dict[str, tuple[str, Scene]] = {
    "first_turn": ("new", first_turn),
    "nothing_named": ("new", nothing_named),
    "prompt_alone": ("new", prompt_alone),
    "cleared": ("new", cleared),
    "unknown_history": ("new", unknown_history),
    "session": ("continued", of_session),
    "history": ("continued", history),
    "conversation_id": ("continued", conversation_id),
    "history_differs": ("replayed", history_differs),
    "instruction_dropped": ("replayed", instruction_dropped),
    "under_way": ("replayed", under_way),
    "lost": ("replayed", lost),
}
# Tried where they can be made: `tests/ag_ui/test_people.py`, `test_moved.py`,
# `test_history_matching.py`.
ELSEWHERE = {"resume", "moved", "nothing_asked", "lapsed"}
BOTH = (False, True)
WAYS = [
    *itertools.product(FRAMEWORKS, BOTH, BOTH, ["bluenexus"]),
    *itertools.product(["plain"], [False], [True], sorted(set(REMEMBERING) - {"bluenexus"})),
]
CASES = [
    (*way, reason)
    for way, reason in itertools.product(WAYS, SCENES)
    if way[0] in THREAD or reason != "prompt_alone"  # LlamaIndex knows no threads
]


@pytest.mark.parametrize(("face", "streamed", "awaited", "service", "reason"), CASES)
async def test_the_reason_is_on_the_reply_in_the_log_and_in_the_span(
    face: str,
    streamed: bool,
    awaited: bool,
    service: str,
    reason: str,
    sandbox: Sandbox,
    spans: "InMemorySpanExporter",
    turns: list[TurnRecord],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG", "remote_agents")
    settings = {**sandbox.kwargs(service), "session_store": InMemorySessionStore()}
    way = Way(face, service, streamed=streamed, awaited=awaited, **settings)
    memory, scene = SCENES[reason]
    answer = await scene(way, sandbox)
    line = [record for record in caplog.records if hasattr(record, "agent_id")][-1]
    (turn,) = [turn for turn in turns if turn.facts.get("reply_id") == answer.metadata["reply_id"]]
    for told in (answer.metadata, vars(line), turn.facts):
        assert (told["memory"], told["memory_reason"]) == (memory, reason)
    assert f"({memory}: {reason})" in line.getMessage()
    (span,) = [
        attributes
        for each in spans.get_finished_spans()
        if (attributes := dict(each.attributes or {})).get("gen_ai.response.id")
        == answer.metadata["reply_id"]
    ]
    assert (span["remote_agents.memory"], span["remote_agents.memory_reason"]) == (memory, reason)
    assert ("differs" in answer.metadata) is (memory == "replayed")
    differs = answer.metadata.get("differs", {})
    assert {key: span[f"remote_agents.differs.{key}"] for key in differs} == differs


async def test_a_turn_that_no_conversation_is_kept_of_has_no_reason(sandbox: Sandbox) -> None:
    for face in FRAMEWORKS:
        way = Way(face, "bluenexus", streamed=False, awaited=True, **sandbox.kwargs("bluenexus"))
        assert not {"memory", "memory_reason"} & set((await way.ask(TOLD)).metadata)


def test_the_page_and_the_tests_have_all_reasons() -> None:
    reasons = set(get_args(Reason))
    assert SCENES.keys() | ELSEWHERE == reasons
    rows = re.findall(
        r"^\| `(\w+)` \| `?(?:new|continued|replayed)", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert set(rows) == reasons
