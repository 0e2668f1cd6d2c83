"""Calls and sources where services may tell them too: on any frame, at any index, in any case."""

from __future__ import annotations

import json
import math

import pytest

from remote_agents.types import ToolCall
from tests.test_whole_answers import (
    OPENAI,
    WAYS,
    Frame,
    answer_of,
    asked,
    beside,
    each_framework,
)

CALLS = [
    {"id": "a", "function": {"name": "search", "arguments": '{"q": 1}'}},
    {"id": "b", "function": {"name": "read", "arguments": '{"q": 2}'}},
]
INDEXED: dict[str, list[Frame]] = {
    "by index": [{"index": 0}, {"index": 1}],
    "all at 0": [{"index": 0}, {"index": 0}],
    "at null": [{"index": None}, {"index": None}],
    "at none": [{}, {}],
    "an id for each piece": [{"index": 0}, {"index": 0}],
}


@pytest.mark.parametrize("way", ["whole", "streamed", "astreamed"])
@pytest.mark.parametrize("endpoint", OPENAI)
@pytest.mark.parametrize("how", INDEXED)
@pytest.mark.parametrize("ends", ["tool_calls", "stop", None])
async def test_the_calls_of_an_agents_own_tools(
    endpoint: str, way: str, how: str, ends: str | None
) -> None:
    frames = answer_of(endpoint, streamed=False)
    (choice,) = frames[0]["choices"]
    choice["message"]["tool_calls"] = CALLS
    choice["finish_reason"] = ends
    if WAYS[way][0]:
        (first, second), (at, then) = CALLS, INDEXED[how]
        rest = {"index": at.get("index", 0), "function": {"arguments": "}"}}
        rest |= {"id": "c"} if how == "an id for each piece" else {}
        cut = {**first["function"], "arguments": '{"q": 1'}
        pieces = [[{**first, **at, "function": cut}], [rest], [{**second, **then}]]
        deltas = [*({"tool_calls": piece} for piece in pieces), {"content": "25 days"}, {}]
        choices: list[Frame] = [{"index": 0, "delta": delta} for delta in deltas]
        choices[-1] |= {"finish_reason": ends} if ends else {}
        frames = [{**frames[0], "choices": [choice]} for choice in choices]
    answer = await asked("plain", endpoint, way, frames)
    assert answer.message.steps == [
        ToolCall("a", "search", {"q": 1}),
        ToolCall("b", "read", {"q": 2}),
    ]
    assert answer.metadata["finish_reason"] == "stop"


PART = {"type": "text", "text": ""}
PIECES: dict[str, list[Frame]] = {
    "an index once": [
        {"index": 6, "delta": {"role": "assistant"}},
        {"delta": {"content": "25 days"}},
    ],
    "a null index": [{"index": 6, "delta": {}}, {"index": None, "delta": {"content": "25 days"}}],
    "an empty part": [
        {"delta": {"content": [PART]}},
        {"delta": {"content": [{"text": "25 days"}]}},
    ],
}


@each_framework
@pytest.mark.parametrize("endpoint", OPENAI)
@pytest.mark.parametrize("how", PIECES)
async def test_odd_pieces(how: str, endpoint: str, framework: str) -> None:
    choices: list[Frame] = [*PIECES[how], {"delta": {}, "finish_reason": "stop"}]
    answer = await asked(framework, endpoint, "streamed", [{"choices": [c]} for c in choices])
    assert "unknown_frames" not in answer.metadata


FOUND = {"search_results": [{"index": "[1]", "title": "A", "url": "https://x.io/a"}]}
BASES = {"knowledge_base": ["", "handbook"], "knowledge_meta": [{}, {"fileName": "b.pdf"}]}
WEB = {"title": "A", "url": "https://x.io/a", "marker": "[1]"}
FILE = {"title": "b.pdf", "extra": {"knowledge_base": "handbook"}}
PASSAGE = {"chatbot_text_node": {"id": "p", "text": "25", "filename": "c.pdf"}, "score": 0.5}
NULLS = {"knowledge_base": ["handbook"], "knowledge_meta": [{"fileName": None, "title": None}]}
SOURCES: dict[str, tuple[str, Frame, list[Frame]]] = {
    "a thought": ("cloudbase", {"type": "thinking", "search_info": FOUND}, [WEB]),
    "a search": ("cloudbase", {"type": "search", "search_info": FOUND, **BASES}, [WEB, FILE]),
    "a base": ("cloudbase", {"type": "knowledge", "search_info": FOUND, **BASES}, [FILE, WEB]),
    "a result": ("cloudbase", {"type": "tool-result", "toolCallId": "c", **BASES}, [FILE]),
    "the end": ("cloudbase", {"type": "finish", "finish_reason": "stop", **BASES}, [FILE]),
    "nulls": ("cloudbase", {"type": "knowledge", **NULLS}, [{**FILE, "title": "handbook"}]),
    "snake_case": (
        "maiagent",
        {"content": "", "done": False, "citation_nodes": [PASSAGE]},
        [{"title": "c.pdf", "text": "25", "id": "p", "score": 0.5}],
    ),
}


@each_framework
@pytest.mark.parametrize("way", ["streamed", "astreamed"])
@pytest.mark.parametrize("place", SOURCES)
async def test_sources_on_any_frame(place: str, framework: str, way: str) -> None:
    endpoint, frame, expected = SOURCES[place]
    *first, last = answer_of(endpoint, streamed=True)
    if frame["type" if endpoint == "cloudbase" else "done"] == "finish":
        last = {**last, "finish_reason": "continue"}
        frames = [*first, last, frame]
    else:
        frames = [*first, frame, last]
    answer = await asked(framework, endpoint, way, frames)
    assert beside(framework, answer)["citations"] == expected


HALF = {"note": "cut \ud83c", "load": math.nan, "most": -math.inf}
NOTED = {"index_context_info": [{"text": "25", "metadata": {"score": math.nan, "x": math.nan}}]}


@each_framework
@pytest.mark.parametrize("way", ["whole", "astreamed"])
async def test_what_is_no_json_can_be_written_down(framework: str, way: str) -> None:
    *first, last = answer_of("private_ai", streamed=WAYS[way][0])
    answer = await asked(framework, "private_ai", way, [*first, {**last, **HALF, **NOTED}])
    said = [answer.metadata, beside(framework, answer)["citations"]]
    json.dumps(said, ensure_ascii=False, allow_nan=False).encode()
    assert answer.metadata["raw"]["note"] == "cut \ufffd"
    assert "load" not in answer.metadata["raw"]
