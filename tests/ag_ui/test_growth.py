"""A long dialogue holds what was said and no more, though each run repeats the whole thread."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, messages_to_dict
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.storage.chat_store.sql import SQLAlchemyChatStore
from llama_index.core.tools import FunctionTool
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

import langchain_agents
import llamaindex_agents
from remote_agents import SQLSessionStore
from remote_agents.sandbox import Sandbox

TURNS = 60
ASKED = ("How many vacation days do I get?", "What is the weather in Paris?", "When is payday?")
NAMES = {"ag_ui": "AGUI", "cloudbase": "CloudBase"}
BLOCKS = {"text", "reasoning", "tool_call", "server_tool_call", "server_tool_result"}

pytestmark = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20"),
    pytest.mark.parametrize("service", NAMES),
]


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


def settings(sandbox: Sandbox, service: str) -> dict[str, Any]:
    kwargs: dict[str, Any] = sandbox.kwargs(service)
    own = {"agent_id": "agent-handbook"} if service == "cloudbase" else {}
    return {**kwargs, **own}


def question(turn: int) -> str:
    return ASKED[turn % len(ASKED)]


def assert_no_growth(sizes: list[int]) -> None:
    """The last round of questions takes no more than the second one did."""
    rounds = [sum(sizes[at : at + len(ASKED)]) for at in range(0, len(sizes), len(ASKED))]
    assert len(rounds) > TURNS // len(ASKED) - 1
    assert rounds[-2] < 1.1 * rounds[1]


def test_messages_and_checkpoints_of_langgraph(sandbox: Sandbox, service: str) -> None:
    model = getattr(langchain_agents, f"Chat{NAMES[service]}")(**settings(sandbox, service))
    saver, config = InMemorySaver(), {"configurable": {"thread_id": "long"}}
    agent: Any = create_agent(model, [get_weather], checkpointer=saver)
    sizes: list[int] = []
    for turn in range(TURNS):
        state = agent.invoke({"messages": [HumanMessage(question(turn))]}, config)
        sizes.append(len(json.dumps(messages_to_dict(state["messages"]))))
    assert_no_growth([now - before for before, now in pairwise([0, *sizes])])
    kinds = {block["type"] for message in state["messages"] for block in message.content_blocks}
    assert kinds <= BLOCKS
    assert "tool_call" in kinds
    _, checkpoint = saver.serde.dumps_typed(saver.get_tuple(config).checkpoint)
    assert len(checkpoint) < 1.2 * sizes[-1]


async def test_messages_and_a_chat_store_of_llamaindex(
    sandbox: Sandbox, service: str, tmp_path: Path
) -> None:
    llm = getattr(llamaindex_agents, NAMES[service])(**settings(sandbox, service))
    path = tmp_path / "store.sqlite"
    own = create_async_engine(f"sqlite+aiosqlite:///{path}")
    store = SQLAlchemyChatStore("messages", async_engine=own)
    weather, sizes = FunctionTool.from_defaults(get_weather.func), [0]

    async def ask() -> ChatResponse:
        history = await store.get_messages("k")
        answer = await llm.achat_with_tools([weather], chat_history=history)
        await store.add_message("k", answer.message)
        return answer

    for turn in range(TURNS):
        await store.add_message("k", ChatMessage(question(turn)))
        answer = await ask()
        for call in llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False):
            told = str(weather.call(**call.tool_kwargs))
            about = {"tool_call_id": call.tool_id}
            await store.add_message("k", ChatMessage(told, role="tool", additional_kwargs=about))
            await ask()
        messages = await store.get_messages("k")
        sizes.append(sum(len(message.model_dump_json()) for message in messages))
    assert_no_growth([now - before for before, now in pairwise(sizes)])
    kinds = {block.block_type for message in messages for block in message.blocks}
    assert kinds <= {"text", "thinking", "tool_call"}
    assert "tool_call" in kinds
    await own.dispose()
    engine = create_engine(f"sqlite:///{path}")
    assert stored(engine) < 1.2 * sizes[-1]
    engine.dispose()


def test_the_session_store(sandbox: Sandbox, service: str, tmp_path: Path) -> None:
    url, sizes = f"sqlite:///{tmp_path / 'sessions.sqlite'}", []
    kind = getattr(langchain_agents, f"Chat{NAMES[service]}")
    model = kind(**settings(sandbox, service), session_store=SQLSessionStore(url))
    engine, config = create_engine(url), {"configurable": {"session_id": "long"}}
    for turn in range(TURNS):
        model.invoke(question(turn), config)
        sizes.append(stored(engine))
    engine.dispose()
    model.session_store.close()
    steps = [now - before for before, now in pairwise(sizes[9:])]
    assert max(steps) < 100  # some digests, and no text
    assert sizes[-1] < 10_000


def stored(engine: Any) -> int:
    """The bytes of all values in all tables."""
    with engine.connect() as on:
        tables = on.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
        rows = [
            row for (name,) in tables.all() for row in on.execute(text(f'SELECT * FROM "{name}"'))
        ]
    return sum(len(v) if isinstance(v, (str, bytes)) else 8 for row in rows for v in row)
