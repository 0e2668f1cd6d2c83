"""What a hosted agent in a workflow remembers: what the memory at hand holds, or died with."""

import json

import pytest
from llama_index.core.agent.workflow import AgentWorkflow
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.workflow import Context

from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import KEEPING, SERVICES, Build
from tests.llamaindex.local import member, memory

# As in `test_workflow`.
pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20:inspect"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211:inspect"),
    pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key"),
]


@pytest.mark.parametrize("restored", [False, True])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_context_that_loses_its_memory_loses_no_dialogue(
    sandbox: Sandbox, build: Build, service: str, restored: bool
) -> None:
    """LlamaIndex cannot keep its chat stores in a context with Pydantic 2.14."""
    workflow = AgentWorkflow([member(build(service), system_prompt="Be kind.")])
    context = Context(workflow)
    told = [ChatMessage("My secret word is zebra-17."), ChatMessage("Noted.", role="assistant")]
    questions = ("What is my secret word?", "Say it again: what is my secret word?")
    await workflow.run("My locker is number 12.", ctx=context, chat_history=told)
    for question in questions:
        if restored:
            context = Context.from_dict(workflow, json.loads(json.dumps(context.to_dict())))
        assert "zebra-17" in str(await workflow.run(question, ctx=context))
    asked = str(sandbox.turns(service))
    assert all(text in asked for text in (told[0].content, *questions))
    if service in KEEPING:
        assert len({turn["conversation_id"] for turn in sandbox.turns(service)}) == 1
    memory = await context.store.get("memory")
    assert [m.role.value for m in memory.get_all()] == ["user", "assistant"] * 4
    assert [m.content for m in memory.get_all()][-2] == questions[-1]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("service", SERVICES)
async def test_a_cleared_memory_begins_anew_in_its_context(
    build: Build, service: str, own: bool
) -> None:
    workflow = AgentWorkflow([member(build(service))])
    context, given = Context(workflow), {"memory": memory()} if own else {}
    for text in ("My secret word is zebra-17.", "My locker is number 12."):
        await workflow.run(text, ctx=context, **given)
    held = await context.store.get("memory")
    held.reset()
    answer = await workflow.run("What is my secret word?", ctx=context, **given)
    assert "zebra-17" not in str(answer)
