"""Token counts with what was cached and what was reasoned, in each face, streamed and not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

import llamaindex_agents
import remote_agents
from remote_agents import Usage
from remote_agents.testing.ways import ENDPOINT_NAMES, NAMES
from remote_agents.types import Reply
from remote_agents.wire.openai import decode_usage
from tests.langchain.recorded import recorded
from tests.llamaindex.conftest import COMPLETE, WAYS, last

CLIENTS = {name: getattr(remote_agents, NAMES[name]) for name in ENDPOINT_NAMES}
MODELS = {name: getattr(llamaindex_agents, NAMES[name]) for name in ENDPOINT_NAMES}
COUNTS = (7, 11, 18)
READ = {"cached_tokens": 4, "cache_write_tokens": 2}
DETAILS = {"prompt_tokens_details": READ, "completion_tokens_details": {"reasoning_tokens": 5}}


@pytest.mark.parametrize("service", ENDPOINT_NAMES)
@pytest.mark.parametrize("way", ["ask", "aask", "stream", "astream"])
async def test_a_reply_has_the_counts(service: str, way: str) -> None:
    client = recorded(service, of=CLIENTS)
    answer: Any = getattr(client, way)("Q")
    if way == "stream":
        reply = [*answer][-1].reply
    elif way == "astream":
        reply = [event async for event in answer][-1].reply
    else:
        reply = await answer if inspect.isawaitable(answer) else answer
    details = () if service == "cloudbase" else (4, 2, 5)  # CloudBase's frames tell none
    counted = CLIENTS[service].endpoint.counts
    assert reply.usage == (Usage(*COUNTS, *details) if counted else None)


@pytest.mark.parametrize("service", ENDPOINT_NAMES)
@pytest.mark.parametrize("way", [*WAYS, *COMPLETE])
async def test_llamaindex_tells_them_in_openais_words(service: str, way: str) -> None:
    asked = [ChatMessage("Q")] if "chat" in way else "Q"
    response = await last(recorded(service, of=MODELS), way, asked)
    kept = response if "complete" in way else response.message
    counts = dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), COUNTS, strict=True))
    told = counts if service == "cloudbase" else {**counts, **DETAILS}
    expected = told if MODELS[service].endpoint.counts else None
    assert kept.additional_kwargs.get("usage") == response.raw.get("usage") == expected


@pytest.mark.parametrize("details", [None, [], "none", {}, {"cached_tokens": None}])
def test_details_of_another_shape_tell_nothing(details: object) -> None:
    counts = dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), COUNTS, strict=True))
    usage = {**counts, **dict.fromkeys(DETAILS, details)}
    assert decode_usage(usage, Reply("bluenexus", "a")) == [Usage(*COUNTS)]


@pytest.mark.parametrize("counts", [{}, {"total_tokens": 0}, dict.fromkeys(("promptTokens",), 0)])
def test_a_last_frame_that_counts_nothing_changes_nothing(counts: dict[str, int]) -> None:
    reply = Reply("bluenexus", "a")
    assert decode_usage(counts, reply) == [Usage()]
    reply.usage = Usage(*COUNTS)
    assert decode_usage(counts, reply) == []
