"""Hosted agents in workflows: conversations in the context, and hand-offs."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    FunctionAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms import MockLLM
from llama_index.core.workflow import Context, JsonSerializer

from remote_agents import (
    ConfigurationError,
    ConversationError,
    InMemorySessionStore,
    ServerError,
)
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import FOLLOW_UP, KEEPING, QUESTION, Build
from tests.llamaindex.local import WORKFLOW_WARNINGS, conversation_of, member, memory

PART_TIME = "Part-time staff receive vacation days"

pytestmark = WORKFLOW_WARNINGS


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("service", KEEPING)
async def test_a_conversation_goes_on_in_its_context(
    sandbox: Sandbox, build: Build, service: str, streaming: bool
) -> None:
    workflow = AgentWorkflow([member(build(service), streaming=streaming)])
    context, other = Context(workflow), Context(workflow)
    first = await workflow.run(QUESTION, ctx=context, memory=memory())
    assert "25 vacation days" in str(first)
    second = await workflow.run(FOLLOW_UP, ctx=context, memory=memory())
    assert str(second).startswith(PART_TIME)
    assert not str(await workflow.run(FOLLOW_UP, ctx=other, memory=memory())).startswith(PART_TIME)
    assert conversation_of(first) == conversation_of(second)
    held = sandbox.conversation(service, conversation_of(first))
    assert [m["content"] for m in held if m["role"] == "user"] == [QUESTION, FOLLOW_UP]


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("service", KEEPING)
async def test_two_members_over_one_agent_are_two_dialogues(
    sandbox: Sandbox, build: Build, service: str, streaming: bool, bound: bool
) -> None:
    """Each is asked in its turn by a workflow of its own, with the history of both."""
    llm = build(service, session_store=InMemorySessionStore())
    llm = llm.for_session("alice") if bound else llm
    members = [member(llm, name, streaming=streaming, system_prompt=name) for name in ("a", "b")]
    context, said = Context(AgentWorkflow(members, root_agent="a")), memory()
    used: dict[str, set[str]] = {"a": set(), "b": set()}
    for question in (QUESTION, FOLLOW_UP, QUESTION):
        for each in members:
            await context.store.set("current_agent_name", each.name)
            workflow = AgentWorkflow(members, root_agent="a")
            result = await workflow.run(f"{each.name}: {question}", ctx=context, memory=said)
            assert result.current_agent_name == each.name
            used[each.name].add(conversation_of(result))
    assert used["a"].isdisjoint(used["b"])


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_context_saved_amid_an_answer_does_not_ask_again(
    scripted: Build, server: Any, streaming: bool
) -> None:
    llm = scripted([*frames("Hello ")[:1], "stall"], frames("And now?"), timeout=20.0)
    workflow = AgentWorkflow([member(llm, "hr.desk", streaming=streaming)])
    context, said = Context(workflow), memory()
    handler = workflow.run(QUESTION, ctx=context, memory=said)
    assert await asyncio.to_thread(server.asked.wait, 5)
    saved = json.loads(json.dumps(context.to_dict()))
    await handler.cancel_run()
    with suppress(Exception):  # how a cancelled run ends is LlamaIndex's affair
        await handler
    again = Context.from_dict(workflow, saved)
    handler = workflow.run(ctx=again)
    await again.store.set("memory", said)  # which LlamaIndex keeps in no saved context
    with pytest.raises(ConversationError, match=r"saved while hr\.desk was answering"):
        await handler
    assert len(server.requests) == 1
    assert str(await workflow.run(FOLLOW_UP, ctx=again)) == "And now?"
    assert len(server.requests) == 2


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("alone", [False, True])
async def test_a_context_outlives_a_run_that_was_stopped(
    scripted: Build, server: Any, alone: bool, lost: bool
) -> None:
    """LlamaIndex repeats the step that was stopped, and the first one of a run that failed."""
    llm = scripted([*frames("Hello ")[:1], "stall"], *[frames("Yes.")] * 3, timeout=20.0)
    workflow: Any = member(llm) if alone else AgentWorkflow([member(llm)])
    context, said = Context(workflow), memory()
    handler = workflow.run(QUESTION, ctx=context, memory=said)
    assert await asyncio.to_thread(server.asked.wait, 5)
    await handler.cancel_run()
    with suppress(Exception):  # how a cancelled run ends is LlamaIndex's affair
        await handler
    answered = 0
    for number, question in enumerate((FOLLOW_UP, QUESTION, FOLLOW_UP)):
        handler = workflow.run(question, ctx=context, memory=said)
        with suppress(ValueError if lost and number == 0 else ()):
            if number or not lost:
                await context.store.set("memory", said)
            answered += str(await handler) == "Yes."
    assert answered >= (2 if lost else 3)
    assert len(server.requests) == 1 + answered


class Step:
    """What a step of a workflow sees of its context."""

    def __init__(self) -> None:
        self.store: Any = Context(AgentWorkflow([member(MockLLM())])).store

    def write_event_to_stream(self, event: Any) -> None:
        """Nobody reads along."""


@pytest.mark.parametrize("streaming", [False, True])
async def test_an_answer_that_the_workflow_did_not_take_is_not_asked_for_again(
    sandbox: Sandbox, build: Build, streaming: bool
) -> None:
    hr, step = member(build("bluenexus"), streaming=streaming), Step()
    outputs = []
    for _ in range(2):
        outputs.append(await hr.take_step(step, [ChatMessage(QUESTION)], [], memory()))
        step.store = type(step.store).from_dict(
            json.loads(json.dumps(step.store.to_dict(JsonSerializer()))), JsonSerializer()
        )
    assert outputs[0].response == outputs[1].response
    assert outputs[0].raw == outputs[1].raw
    assert len(sandbox.turns("bluenexus")) == 1


async def test_a_failed_turn_can_be_asked_again(sandbox: Sandbox, build: Build) -> None:
    hr, step = member(build("bluenexus", max_retries=0)), Step()
    sandbox.fail_next(status=500)
    with pytest.raises(ServerError):
        await hr.take_step(step, [ChatMessage(QUESTION)], [], memory())
    output = await hr.take_step(step, [ChatMessage(QUESTION)], [], memory())
    assert "25 vacation days" in str(output)


async def test_an_agent_on_its_own_streams(build: Build) -> None:
    handler = member(build("maiagent")).run(QUESTION, memory=memory())
    events = [e async for e in handler.stream_events() if isinstance(e, AgentStream)]
    result = await handler
    assert "".join(event.delta for event in events) == str(result)
    assert result.response.additional_kwargs["citations"]


def pieces(text: str, size: int) -> list[bytes]:
    said = [
        {"choices": [{"delta": {"content": text[i : i + size]}}]} for i in range(0, len(text), size)
    ]
    body = "".join(f"data: {json.dumps(frame)}\n\n" for frame in said)
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    return [f"{body}data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode()]


def frames(text: str) -> list[bytes]:
    return pieces(text, 4)


def handoff(to_agent: str) -> list[bytes]:
    return frames(json.dumps({"handoff": {"to_agent": to_agent, "reason": "It is about HR."}}))


@pytest.mark.parametrize("streaming", [False, True])
async def test_handing_over(
    sandbox: Sandbox, build: Build, scripted: Build, streaming: bool
) -> None:
    desk = member(scripted(handoff("hr")), "desk", streaming=streaming)
    workflow = AgentWorkflow(
        [desk, member(build("private_ai"), can_handoff_to=[])], root_agent="desk"
    )
    handler = workflow.run(QUESTION, memory=memory())
    events = [event async for event in handler.stream_events()]
    result = await handler
    assert "25 vacation days" in str(result)
    assert result.current_agent_name == "hr"
    results = [event for event in events if isinstance(event, ToolCallResult)]
    assert [each.tool_name for each in results] == ["handoff"]
    shown = "".join(event.delta for event in events if isinstance(event, AgentStream))
    assert "handoff" not in shown
    sent = " ".join(message["content"] for message in sandbox.turns("private_ai")[0]["messages"])
    assert QUESTION in sent


ASKED = {"handoff": {"to_agent": "hr", "reason": "It is about {HR}."}}
WRITTEN = json.dumps(ASKED)
FORMS = {  # what is shown of an answer, and what is not
    "no blanks": ("", json.dumps(ASKED, separators=(",", ":"))),
    "pretty": ("", json.dumps(ASKED, indent=4)),
    "a blank after the brace": ("", "{ " + WRITTEN[1:]),
    "a fence": ("", f"```json\n{WRITTEN}\n```"),
    "a fence without a language": ("", f"```\n{json.dumps(ASKED, indent=2)}\n```"),
    "inline code": ("", f"`{WRITTEN}`"),
    "a remark before": ("I will hand this over.\n\n", WRITTEN),
    "a remark on the same line": ("Handing over: ", WRITTEN),
    "a remark behind": ("", f"{WRITTEN}\n\nHR {{the department}} will take over."),
    "remarks and a fence": ("Gladly.\n", f"```json\n{WRITTEN}\n```\nDone."),
    "code before": ("`x = {1}` is no JSON.\n", WRITTEN),
    "single quotes": ("", "{'handoff': {'to_agent': 'hr', 'reason': 'It is about HR.'}}"),
    "curly quotes": ("", "{\u201chandoff\u201d: {\u201cto_agent\u201d: \u201chr\u201d}}"),
    "no quotes": ("", "{handoff: {to_agent: hr, reason: It is about HR.}}"),
    "a comma too many": ("", '{"handoff": {"to_agent": "hr", "reason": "HR",},}'),
    "a line break in the reason": ("", '{"handoff": {"to_agent": "hr", "reason": "It is\nHR"}}'),
    "no reason": ("", '{"handoff": {"to_agent": "hr"}}'),
    "a call of the tool": (
        "",
        '{"name": "handoff", "arguments": {"to_agent": "hr", "reason": "It is about HR."}}',
    ),
    "a call in a fence": (
        "",
        '```json\n{"tool": "handoff", "parameters": {"to_agent": "hr"}}\n```',
    ),
    "a call with arguments as text": (
        "",
        '{"name": "handoff", "arguments": "{\\"to_agent\\": \\"hr\\"}"}',
    ),
    "another case": ("", '{"handoff": {"toAgent": "HR", "reason": "It is about HR."}}'),
    "blanks that do not break": ("", '{\xa0"handoff":\xa0{"agent": "hr"}}'),
    "only the name": ("", '{"handoff": "hr", "reason": "It is about HR."}'),
    "JSON in a text": ("", '{"handoff": "{\\"to_agent\\": \\"hr\\"}"}'),
}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("form", FORMS)
async def test_handing_over_as_models_write_it(
    build: Build, scripted: Build, form: str, streaming: bool
) -> None:
    before, rest = FORMS[form]
    desk = member(scripted(frames(before + rest)), "desk", streaming=streaming)
    workflow = AgentWorkflow(
        [desk, member(build("private_ai"), can_handoff_to=[])], root_agent="desk"
    )
    handler = workflow.run(QUESTION, memory=memory())
    events = [e async for e in handler.stream_events() if isinstance(e, AgentStream)]
    assert "25 vacation days" in str(await handler)
    shown = "".join(event.delta for event in events if event.current_agent_name == "desk")
    assert shown == (before if streaming else "")


async def test_a_handoff_among_other_keys(build: Build, scripted: Build) -> None:
    desk = member(scripted(frames('{"answer": "", ' + WRITTEN[1:])), "desk")
    workflow = AgentWorkflow([desk, member(build("private_ai"))], root_agent="desk")
    assert "25 vacation days" in str(await workflow.run(QUESTION, memory=memory()))


NO_HANDOFF = {
    "JSON": '{"vacation": {"days": 25}}',
    "code": "Use `handoff`:\n```python\nprint({'handoff': 1})\n```\nThat is all.",
    "the example": 'One writes {"handoff": {"to_agent": "<name>", "reason": "<why>"}}.',
    "a mention": 'One writes {"handoff": ...}, or {"handoff": "..."}.',
    "an unfinished one": 'I began ```json\n{"handoff": {"to_agent": "hr"',
    "endless brackets": '{"handoff": ' + "[" * 5_000,
    "only the word": "A handoff is {not} needed.",
}


@pytest.mark.parametrize("form", NO_HANDOFF)
@pytest.mark.parametrize("streaming", [False, True])
async def test_what_is_no_handoff_is_the_answer(
    scripted: Build, form: str, streaming: bool
) -> None:
    text = NO_HANDOFF[form]
    desk, hr = (
        member(scripted(frames(text)), name, streaming=streaming) for name in ("desk", "hr")
    )
    handler = AgentWorkflow([desk, hr], root_agent="desk").run(QUESTION, memory=memory())
    events = [e async for e in handler.stream_events() if isinstance(e, AgentStream)]
    assert str(await handler) == text
    assert not streaming or "".join(event.delta for event in events) == text


async def test_a_handoff_to_nobody_is_told_to_the_agent(scripted: Build) -> None:
    llm = scripted(handoff("nobody"), frames("I will do it."))
    workflow = AgentWorkflow([member(llm, "desk"), member(llm, "hr")], root_agent="desk")
    assert str(await workflow.run(QUESTION, memory=memory())) == "I will do it."


async def test_what_only_looks_like_a_handoff_is_shown(scripted: Build) -> None:
    text = '{"handoff" is what I would write.'
    both = scripted(frames(text))
    workflow = AgentWorkflow([member(both, "desk"), member(both, "hr")], root_agent="desk")
    handler = workflow.run(QUESTION, memory=memory())
    events = [e async for e in handler.stream_events() if isinstance(e, AgentStream)]
    assert "".join(event.delta for event in events) == text
    assert str(await handler) == text


async def test_tools_of_this_side_are_refused(build: Build) -> None:
    def clock() -> str:
        """Tell the time."""
        return "12:00"

    with pytest.raises(ConfigurationError, match="cannot call clock"):
        await member(build("bluenexus"), tools=[clock]).run(QUESTION, memory=memory())


LONG = "".join(f"{n:08d}." for n in range(10_000))


@pytest.mark.parametrize("read", [True, False])
async def test_a_long_answer_is_shown_in_full_and_kept_once(scripted: Build, read: bool) -> None:
    """Every event holds the text so far: 10,000 of them that nobody reads would hold 450 MB."""
    llm = scripted(*pieces(LONG, 9), coalesce=False, timeout=20.0)
    handler = AgentWorkflow([member(llm)]).run(QUESTION, memory=memory())
    if not read:
        await handler
    shown, held = "", 0
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            shown += event.delta
            held += len(event.response)
            assert event.response == shown
    assert str(await handler) == shown == LONG
    assert read or held < 20_000_000


class Reader:
    """A context whose events are gone as soon as they are written."""

    events = 0

    def write_event_to_stream(self, event: AgentStream) -> None:
        self.events += bool(event.delta)


async def test_who_reads_along_sees_every_piece(scripted: Build) -> None:
    llm = scripted(*pieces(LONG, 9), coalesce=False, timeout=20.0)
    reader = Reader()
    await member(llm)._stream(reader, await llm.astream_chat([ChatMessage("Hi")]))
    assert reader.events == 10_000


async def test_function_agent_takes_no_agent(build: Build) -> None:
    with pytest.raises(ValueError, match="FunctionCallingLLM"):
        await FunctionAgent(llm=build("bluenexus")).run(QUESTION, memory=memory())
