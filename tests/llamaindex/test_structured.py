"""Answers in the form of a class: right in every way, and never a turn of a conversation."""

import asyncio
import json
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel, Field

from llamaindex_agents import session
from remote_agents import InMemorySessionStore, StreamInterruptedError
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import QUESTION, SERVICES, WAYS, Build, responses
from tests.llamaindex.test_faults import text

# LlamaIndex's StructuredLLM streams with a method that pydantic has deprecated.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The `json` method:DeprecationWarning:llama_index.core.llms.structured_llm"
)

PROMPT = PromptTemplate("{question}")
PREDICT = (
    "structured_predict",
    "astructured_predict",
    "stream_structured_predict",
    "astream_structured_predict",
)


class Days(BaseModel):
    """How many days."""

    days: int = Field(description="the number of days")
    answer: str


async def predicted(llm: Any, way: str) -> list[Any]:
    """What comes of one way of asking, of which the last is whole."""
    if way in PREDICT:
        return await responses(llm, way, Days, PROMPT, question=QUESTION)
    structured = llm.as_structured_llm(Days)
    asked = [ChatMessage(QUESTION)] if "chat" in way else QUESTION
    return [response.raw for response in await responses(structured, way, asked)]


@pytest.mark.parametrize("way", [*PREDICT, *WAYS, "complete", "acomplete"])
@pytest.mark.parametrize("service", SERVICES)
async def test_the_answer_has_the_form_and_is_no_turn(
    sandbox: Sandbox, build: Build, service: str, way: str
) -> None:
    store = InMemorySessionStore()
    alice = build(service, session_store=store, coalesce=False).for_session("alice")
    alice.chat([ChatMessage(QUESTION)])
    with session("somebody"):
        objects = await predicted(alice, way)
    assert isinstance(objects[-1], Days)
    assert objects[-1].days == 25
    assert "25 vacation days" in objects[-1].answer
    if "stream" in way:
        lengths = [len(getattr(each, "answer", None) or "") for each in objects]
        assert lengths == sorted(lengths)
        assert len(set(lengths)) > 3
    first, asked = sandbox.turns(service)
    assert asked["conversation_id"] is None or asked["conversation_id"] != first["conversation_id"]
    known = alice.agent.session("alice")
    if known:
        held = sandbox.conversation(service, known.conversation_id)
        assert [m["content"] for m in held if m["role"] == "user"] == [QUESTION]
    assert alice.agent.session("somebody") is None


@pytest.mark.parametrize("way", [*PREDICT, *WAYS])
async def test_a_cut_answer_is_an_error(scripted: Build, way: str) -> None:
    cut = text(json.dumps({"days": 25})[:-3])
    with pytest.raises(StreamInterruptedError):
        await predicted(scripted(cut), way)


@pytest.mark.parametrize("way", PREDICT[2:])
async def test_a_prediction_that_is_left_hangs_up(scripted: Build, server: Any, way: str) -> None:
    stream = getattr(scripted(text('{"days": 2'), text("5}"), "stall"), way)(
        Days, PROMPT, question=""
    )
    if way.startswith("a"):
        stream = await stream
        assert (await anext(stream)).days
        await stream.aclose()
    else:
        assert next(stream).days
        stream.close()
    del stream
    assert await asyncio.to_thread(server.left.wait, 2)
