"""What was recorded and is replayed reads as it did, in every service, streamed or not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remote_agents import (
    ENDPOINTS,
    Finish,
    Message,
    Recorder,
    Replay,
    Reply,
    TextDelta,
)
from remote_agents.client import Client
from remote_agents.sandbox import Sandbox
from tests.recording.alike import Alike

QUESTIONS = ["How many vacation days do I get?", "And what about part-time staff?"]
each_way = pytest.mark.parametrize(
    ("streamed", "awaited"),
    [(False, False), (False, True), (True, False), (True, True)],
    ids=["whole-sync", "whole-async", "stream-sync", "stream-async"],
)


def client_of(service: str, settings: dict[str, Any]) -> Client:
    return Client.kind_of(ENDPOINTS[service])(**settings)


def asked(client: Client, streamed: bool, awaited: bool, session: str) -> list[Any]:
    """The events of two turns, or their replies."""
    if awaited:
        return asyncio.run(aasked(client, streamed, session))
    history: list[Any] = []
    told: list[Any] = []
    for question in QUESTIONS:
        history.append(Message("user", question))
        if streamed:
            told += client.stream(history, session_id=session)
        else:
            told.append(finish(client.ask(history, session_id=session)))
        history.append(told[-1].reply)
    return told


async def aasked(client: Client, streamed: bool, session: str) -> list[Any]:
    history: list[Any] = []
    told: list[Any] = []
    async with client:
        for question in QUESTIONS:
            history.append(Message("user", question))
            if streamed:
                told += [e async for e in client.astream(history, session_id=session)]
            else:
                told.append(finish(await client.aask(history, session_id=session)))
            history.append(told[-1].reply)
    return told


def finish(reply: Reply) -> Finish:
    return Finish(reply.finish_reason, reply)


def plain(told: list[Any]) -> list[Any]:
    """Events without what another session cannot have again."""
    return [
        (event.reply.text, event.reply.reasoning, event.reply.citations, event.reply.finish_reason)
        if isinstance(event, Finish)
        else event
        for event in told
    ]


@each_way
@pytest.mark.parametrize("service", ENDPOINTS)
def test_the_same_events(
    sandbox: Sandbox, service: str, streamed: bool, awaited: bool, tmp_path: Path
) -> None:
    client = client_of(service, {**sandbox.kwargs(service), "coalesce": False})
    with Recorder(client) as recorder:
        before = asked(client, streamed, awaited, f"record-{service}-{streamed}-{awaited}")
    recorder.save(tmp_path / "session.txt")

    with Replay(tmp_path / "session.txt") as replay:
        again = client_of(service, {**replay.kwargs(), "coalesce": False, "max_retries": 0})
        after = asked(again, streamed, awaited, "another")
        again.close()
        assert replay.left == 0

    Alike().check(plain(before), plain(after))
    assert before[-1].reply.text != after[-1].reply.text
    assert "vacation" not in (tmp_path / "session.txt").read_text()


@pytest.mark.parametrize("service", ENDPOINTS)
def test_kept_texts_are_the_same(sandbox: Sandbox, service: str) -> None:
    client = client_of(service, sandbox.kwargs(service))
    with Recorder(client, keep_text=True) as recorder:
        before = asked(client, True, False, f"kept-{service}")
    with (
        Replay(recorder.transcript()) as replay,
        client_of(service, {**replay.kwargs(), "max_retries": 0}) as again,
    ):
        after = asked(again, True, False, "another")
    assert text_of(before) == text_of(after)
    assert sandbox.kwargs(service)["api_key"] not in str(recorder.transcript())


def text_of(told: list[Any]) -> str:
    return "".join(event.text for event in told if isinstance(event, TextDelta))
