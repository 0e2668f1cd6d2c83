"""What waits for a person as servers tell it, and where they read the answer.

Captured from ag-ui-crewai 1.0.0 (its default: no outcome) and @ag-ui/mastra 1.1.2, which tells it
in both ways, or with `emitInterruptOutcome: false`, as versions before it do, in the first alone;
from ag2 1.2.1, which with `require_resume_proof` refuses an answer without what it issued; and from
ag-ui-strands 1.0.2.
"""

import json
from typing import Any

import pytest

from remote_agents import AGUI, InMemorySessionStore, Interrupt, Message
from remote_agents.testing.ways import FRAMEWORKS, Way
from remote_agents.types import Origin
from tests.ag_ui.runs import FINISHED, STARTED, bodies, run, told, whole
from tests.raw_server import serving

FEEDBACK = {"crewai": {"flowId": "t", "methodName": "propose", "emit": None, "output": "a plan"}}
CREWAI = {
    "type": "CUSTOM",
    "name": "on_interrupt",
    "value": {
        "id": "t",
        "reason": "crewai:human_feedback",
        "message": "May I delete Paris?",
        "metadata": FEEDBACK,
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"approved": {"type": "boolean"}},
    "required": ["approved"],
    "additionalProperties": False,
}
SUSPENDED = {
    "type": "mastra_suspend",
    "toolName": "delete_city",
    "suspendPayload": {"message": "May I delete Paris?"},
    "args": {"city": "Paris"},
    "resumeSchema": json.dumps(SCHEMA),
    "runId": "r",
}
MASTRA = {
    "type": "CUSTOM",
    "name": "on_interrupt",
    "value": json.dumps({**SUSPENDED, "toolCallId": "c2-0"}),
}
STRUCTURED = {
    "id": "r::c2-0",
    "reason": "mastra:tool_suspend",
    "toolCallId": "c2-0",
    "responseSchema": SCHEMA,
    "metadata": {"mastra": SUSPENDED},
}
OUTCOME = {"type": "interrupt", "interrupts": [STRUCTURED]}
PROVEN = {
    "id": "i",
    "reason": "tool_call",
    "message": "May I delete Paris?",
    "responseSchema": {"type": ["string", "boolean"], "title": "Approval"},
    "metadata": {"ag2": {"proof": "s3cret"}},
}
STRANDS = {
    "id": "v1:tool_call:c1:0",
    "reason": "approval",
    "metadata": {"reason": {"message": "May I delete Paris?"}},
}
AG2 = {**FINISHED, "outcome": {"type": "interrupt", "interrupts": [PROVEN]}}
EVENT = {"runId": "r", "toolCallId": "c2-0"}
ASKED: dict[str, tuple[list[Any], bool, str, bool]] = {  # the frames, a call, the id, in a list?
    "CrewAI": ([CREWAI, FINISHED], False, "t", True),
    "Mastra": ([MASTRA, {**FINISHED, "outcome": OUTCOME}], True, "r::c2-0", True),
    "AG2": ([AG2], False, "i", True),
    "Strands": (
        [{**FINISHED, "outcome": {"type": "interrupt", "interrupts": [STRANDS]}}],
        False,
        "v1:tool_call:c1:0",
        True,
    ),
    "Mastra before": ([MASTRA, FINISHED], True, "r::c2-0", False),
}


METADATA = {
    "CrewAI": FEEDBACK,
    "Mastra": {"mastra": SUSPENDED},
    "AG2": PROVEN["metadata"],
    "Strands": STRANDS["metadata"],
}


@pytest.mark.parametrize("case", ASKED)
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("in_session", [True, False])
async def test_the_answer_reaches_the_run_that_waits(
    case: str, framework: str, in_session: bool
) -> None:
    events, calls, interrupt_id, listed = ASKED[case]
    with serving(run(*events), run(*whole("1", "Done."), FINISHED)) as server:
        given = {"base_url": server.url, "session_store": InMemorySessionStore()}
        way = Way(framework, "ag_ui", streamed=True, awaited=False, **given)
        session = {"session": "s"} if in_session else {}
        paused = await way.ask("Delete Paris.", **session)
        (asked,) = paused.metadata["interrupts"]
        assert (asked["id"], asked["question"]) == (interrupt_id, "May I delete Paris?")
        assert asked.get("tool_name") == ("delete_city" if calls else None)
        assert asked.get("tool_arguments") == ({"city": "Paris"} if calls else None)
        history = [] if in_session else [way.question("Delete Paris."), paused.message]
        answer = {"approved": True} if in_session else True
        reply = await way.ask("", history, resume=answer, **session)
        assert reply.text == "Done."
        body = bodies(server)[1]
    payload = {"approved": True} if calls else answer
    entry = {"interruptId": interrupt_id, "status": "resolved", "payload": payload}
    if not in_session:  # which knows no more than the ids of what waits
        entry["metadata"] = METADATA.get(case)
    assert body.get("resume") == ([entry] if listed else None)
    command = {"resume": payload, "interruptEvent": EVENT}
    assert body["forwardedProps"] == ({} if listed else {"command": command})


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("raw", [None, "i", {"id": "i"}])
@pytest.mark.parametrize(
    "value",
    [
        {"id": "7", "reason": "The order came late.", "question": "Refund?"},
        {"id": 7, "reason": "late", "message": "Refund?", "metadata": {"order": 7}},
        {"type": "mastra_suspend", "question": "Refund?"},
        {"type": "mastra_suspend", "runId": {}, "toolCallId": [1], "question": "Refund?"},
    ],
)
def test_a_value_of_the_agents_own_is_taken_for_nobody_elses(
    value: dict[str, Any], raw: object, as_text: bool
) -> None:
    asked = {**CREWAI, "value": json.dumps(value) if as_text else value, "rawEvent": raw}
    interrupts = told([STARTED, asked, FINISHED]).interrupts
    assert interrupts == [Interrupt("i" if raw else None, "Refund?", value)]


@pytest.mark.parametrize(
    "field",
    [
        {"id": 7},
        {"id": ["i"]},
        {"question": {}},
        {"tool_call_id": [1], "answered_by": "resume"},
        {"tool_name": 5, "tool_arguments": "x", "answered_by": "resume"},
        {"answered_by": ["resume"]},
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_that_no_agent_told_is_answered_as_one_that_is_unknown(
    field: dict[str, Any], times: int
) -> None:
    with serving(run(*whole("1", "Hi."), FINISHED), run(*whole("2", "Done."), FINISHED)) as server:
        agent = AGUI(base_url=server.url)
        about = agent.ask("Hi").metadata()
        forged = {
            **about,
            "finish_reason": "interrupt",
            "interrupts": [{"id": "i", **field}] * times,
        }
        message = Message("assistant", "", origin=Origin.of(forged))
        assert agent.ask([Message("user", "Hi"), message], resume=True).text == "Done."
        body = bodies(server)[1]
    assert ("resume" in body, body["forwardedProps"]) == (False, {"command": {"resume": True}})
