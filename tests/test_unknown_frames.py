"""Frames that nobody knows: an error where they may hold text, counted where that is wanted."""

import itertools
from typing import Any

import pytest

from remote_agents import ConfigurationError, StreamProtocolError
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, make
from remote_agents.wire.frames import is_keep_alive, is_keep_alive_word
from remote_agents.wire.unknown_frames import text_in
from tests.raw_faults import frames_of, said, sent, sse
from tests.raw_server import serving
from tests.test_raw_faults import way_of


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_frames_of_an_unknown_shape_are_counted_where_that_is_wanted(
    endpoint: str, framework: str
) -> None:
    frames = frames_of(endpoint)
    strange = '{"answer":"vacation"}'
    body = sse(*frames.of('"25 "'), strange, strange, *said(frames, '"days"'))
    with serving(sent(body)) as server:
        for streamed, awaited in itertools.product((False, True), repeat=2):
            how = {"streamed": streamed, "awaited": awaited}
            way = way_of(framework, endpoint, server, **how, unknown_frames="count")
            answer = await way.ask("Hi")
            assert answer.text == "25 days"
            assert answer.metadata["unknown_frames"] == 2
            with pytest.raises(StreamProtocolError, match="unknown_frames='count'"):
                await way_of(framework, endpoint, server, **how).ask("Hi")


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
async def test_an_empty_answer_with_a_frame_that_nobody_knows_is_an_error(endpoint: str) -> None:
    body = sse('{"level":3}', '{"answer":"25"}', *frames_of(endpoint).end)
    with serving(sent(body)) as server:
        how = {"streamed": True, "awaited": True}
        way = way_of("plain", endpoint, server, **how, unknown_frames="count")
        with pytest.raises(StreamProtocolError, match="nothing of the answer was understood"):
            await way.ask("Hi")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_word_for_it_that_does_not_exist_is_refused(framework: str) -> None:
    with pytest.raises(ConfigurationError, match="unknown_frames"):
        make(framework, "bluenexus", api_key="k", unknown_frames="ignore")


SAYS_NOTHING: list[Any] = [
    *({}, [], None, "", 0, 7.5, True, " ping ", "PONG", "Keep-Alive", '"heartbeat"', "'ping'"),
    *({"type": "ping"}, {"type": "PONG", "ts": 1}, {"event": "heartbeat"}, {"ping": 1}),
]
SAYS_SOMETHING: list[Any] = [
    *("pinging", "alive", [0], {"a": None}, {"type": "text"}, {"type": "ping", "content": "25"}),
    *({"type": ["ping"]}, {"event": {"ping": 1}}, {"ping": 1, "text": "a"}),
]


def test_what_a_keep_alive_is() -> None:
    assert [value for value in SAYS_NOTHING if not is_keep_alive(value)] == []
    assert [value for value in SAYS_SOMETHING if is_keep_alive(value)] == []
    assert is_keep_alive_word(b" \tHEARTBEAT\r")
    assert not is_keep_alive_word("message")


LABELS: list[Any] = [
    {"id": "a", "type": "b", "role": "c", "created_at": "d", "createdAt": "e", "object": "f"},
    {"messageId": "a", "run_id": "b", "ids": ["c"], "timestamp": "d", "finish_reason": "stop"},
    {"a": {"eventType": "b", "n": 1, "empty": ""}, "deep": [[{"record_id": "r"}]]},
]
TEXTS: list[Any] = [
    "a",
    ["a"],
    {"said": "a"},
    {"paid": "a"},
    {"id": {"note": "a"}},
    {"deep": [[{"x": [{"y": "a"}]}]]},
]


def test_what_may_be_text() -> None:
    assert [value for value in LABELS if text_in(value)] == []
    assert [value for value in TEXTS if text_in(value) != "a"] == []
