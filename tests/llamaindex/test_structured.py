"""Answers in the form of a class: right in every way, and never a turn of a conversation."""

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from pydantic import BaseModel, Field

from llamaindex_agents import session
from remote_agents import InMemorySessionStore, StreamInterruptedError
from remote_agents.sandbox import Sandbox
from tests.among_words import AMONG_WORDS
from tests.llamaindex.conftest import QUESTION, SERVICES, WAYS, Build, responses
from tests.llamaindex.test_events import Recorder, recorder
from tests.llamaindex.test_faults import DONE, STOP, text

__all__ = ["recorder"]  # a fixture

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


@pytest.mark.parametrize("way", [*PREDICT, *WAYS])
@pytest.mark.parametrize("answer", AMONG_WORDS.values(), ids=AMONG_WORDS)
async def test_the_object_is_found_among_words(scripted: Build, answer: str, way: str) -> None:
    pieces = [text(answer[at : at + 3]) for at in range(0, len(answer), 3)]
    objects = await predicted(scripted(*pieces, STOP, DONE, coalesce=False), way)
    assert isinstance(objects[-1], Days)
    assert objects[-1].days == 25
    assert all(later != earlier for earlier, later in pairwise(objects))


@pytest.mark.parametrize("way", [*PREDICT, *WAYS])
@pytest.mark.parametrize(
    ("answer", "said"),
    [("I do not know.", "I do not know"), ('{"days": "many", "answer": "x"}', "days")],
)
async def test_an_answer_without_a_valid_object_is_an_error(
    scripted: Build, answer: str, said: str, way: str
) -> None:
    with pytest.raises(ValueError, match=said):
        await predicted(scripted(text(answer), STOP, DONE), way)


@pytest.mark.parametrize("way", PREDICT)
async def test_events_of_a_prediction(scripted: Build, recorder: Recorder, way: str) -> None:
    llm = scripted(text('Sure: {"days": 25, '), text('"answer": "25"} !'), STOP, DONE)
    objects = await predicted(llm, way)
    told = [name for name in recorder.names if name.startswith("LLMStructuredPredict")]
    growing = ["LLMStructuredPredictInProgressEvent"] * len(objects) if "stream" in way else []
    assert told == ["LLMStructuredPredictStartEvent", *growing, "LLMStructuredPredictEndEvent"]
    assert recorder.names.count("LLMChatStartEvent") == 1
    assert recorder.names.count("LLMChatEndEvent") == 1


@pytest.mark.parametrize("way", PREDICT)
async def test_a_prediction_leaves_the_prompt_as_it_is(
    scripted: Build, server: Any, way: str
) -> None:
    prompt = PromptTemplate("{question}")
    llm = scripted(text('{"days": 25, "answer": "25"}'), STOP, DONE, system_prompt="Be brief.")
    await responses(llm, way, Days, prompt, question=QUESTION)
    assert prompt.output_parser is None
    messages = json.loads(server.requests[0])["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert messages[0]["content"] == "Be brief."
    assert messages[1]["content"].startswith(QUESTION)
    assert "the number of days" in messages[1]["content"]
    assert "{{" not in messages[1]["content"]


@pytest.mark.parametrize("way", PREDICT)
async def test_another_way_to_predict_is_llamaindexs(scripted: Build, way: str) -> None:
    llm = scripted(pydantic_program_mode="function")
    with pytest.raises(ValueError, match="function calling"):
        await predicted(llm, way)
