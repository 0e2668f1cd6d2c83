"""A run of `AskPerson` that was stopped, and what is asked in its context then."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, HumanResponseEvent

from llamaindex_agents import AgentAsksPerson, AskPerson
from remote_agents import ConfigurationError, ConversationError
from remote_agents.sandbox import Sandbox
from tests.ag_ui.test_llamaindex import QUESTION, TASK, each, made
from tests.llamaindex.local import WORKFLOW_WARNINGS

pytestmark = WORKFLOW_WARNINGS
# How many requests there are, the last of which is stopped.
AMID = {"the question": 1, "a person's answer": 2, "what a tool gave": 2}
CALLS: list[str] = []


def get_weather(city: str) -> str:
    """The weather of a city."""
    CALLS.append(city)
    return f"sunny in {city}"


async def answered(handler: Any) -> str:
    """A run's answer; a person says yes."""
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
    return str((await handler).message.content)


@each
@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("amid", AMID)
async def test_what_was_asked_when_a_run_was_stopped_is_not_asked_again(
    sandbox: Sandbox, service: str, amid: str, saved: bool
) -> None:
    CALLS.clear()
    tools = [FunctionTool.from_defaults(get_weather)] if "tool" in amid else []
    person = "person" in amid
    workflow = AskPerson(made(sandbox, service, approval=person), tools, timeout=30)
    context: Any = Context(workflow)
    sandbox.configure(word_delay=0.2 if person else 0.02)
    handler = workflow.run(TASK if person else QUESTION, ctx=context)
    run = asyncio.create_task(answered(handler))
    while len(sandbox.requests(service)) < AMID[amid]:  # noqa: ASYNC110 - the server tells it
        await asyncio.sleep(0.01)
    saved_then = json.loads(json.dumps(context.to_dict()))
    await handler.cancel_run()
    with suppress(Exception):  # how a cancelled run ends is LlamaIndex's affair
        await run
    sandbox.configure(word_delay=0.0)
    if saved:
        context = Context.from_dict(workflow, saved_then)
        with pytest.raises(ConversationError, match="saved while the agent was answering"):
            await workflow.run("Hello!", ctx=context)
    for number in (1, 2):
        assert await answered(workflow.run("Hello!", ctx=context))
        assert len(sandbox.requests(service)) == AMID[amid] + number * (2 if person else 1)
    assert ["Paris"] * len(tools) == CALLS


@each
async def test_a_workflow_needs_what_the_person_said(sandbox: Sandbox, service: str) -> None:
    handler = AskPerson(made(sandbox, service, approval=True), timeout=30).run(TASK)
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            handler.ctx.send_event(HumanResponseEvent())
    with pytest.raises(ConfigurationError, match="HumanResponseEvent"):
        await handler
    assert len(sandbox.requests(service)) == 1


@each
async def test_a_workflow_asks_again_who_says_nothing(sandbox: Sandbox, service: str) -> None:
    answers, asked = [None, "yes"], list[AgentAsksPerson]()
    handler = AskPerson(made(sandbox, service, approval=True), timeout=30).run(TASK)
    async for event in handler.stream_events():
        if isinstance(event, AgentAsksPerson):
            assert len(sandbox.requests(service)) == 1
            asked.append(event)
            handler.ctx.send_event(HumanResponseEvent(response=answers.pop(0)))
    assert (await handler).message.content == f"Done: {TASK}"
    assert asked[0].model_dump() == asked[1].model_dump()
