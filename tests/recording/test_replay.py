"""`Replay` answers what was recorded, and says clearly when it is asked otherwise."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from remote_agents import (
    AgentConnectionError,
    Attachment,
    CloudBase,
    ConfigurationError,
    InMemorySessionStore,
    MaiAgent,
    Recorder,
    Replay,
    ServerError,
    StreamInterruptedError,
    Transcript,
)
from remote_agents.client import Client
from remote_agents.recording.standins import shape_of
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.testing.ways import FRAMEWORKS, Way, asked

QUESTION = "How many vacation days do I get?"


@pytest.fixture
def transcript(sandbox: Sandbox) -> Transcript:
    with MaiAgent(**sandbox.kwargs("maiagent")) as agent, Recorder(agent) as recorder:
        first = agent.ask(QUESTION, session_id="replayed")
        agent.ask([QUESTION, first, "And part-time?"], session_id="replayed")
    return recorder.transcript()


def test_another_question_is_refused_by_its_shape(transcript: Transcript) -> None:
    with Replay(transcript) as replay, MaiAgent(**replay.kwargs(), max_retries=0) as agent:
        with pytest.raises(ServerError, match=r"request 1 of 2.*body\.message\.content is 'Aaaaa'"):
            agent.ask("Hello")
        assert (replay.left, len(replay.refused)) == (2, 1)
        assert agent.ask(QUESTION).text
        with pytest.raises(ServerError, match=r"conversation is null, recorded was a text"):
            agent.ask("And part-time?")
        assert replay.left == 1


def ask(replay: Replay, change: Callable[[httpx.Request], Any], number: int = 0) -> httpx.Response:
    """A recorded request, changed."""
    recorded = replay.transcript.interactions[number]
    request = httpx.Request(
        recorded.method,
        replay.url + recorded.target,
        headers=recorded.headers,
        content=recorded.body,
    )
    with httpx.Client() as client:
        return client.send(change(request) or request)


@pytest.mark.parametrize("service", ["cloudbase", "bluenexus", "maiagent"])
def test_a_listed_dialogue_reads_the_same(sandbox: Sandbox, service: str) -> None:
    def said(agent: Client) -> list[tuple[str, str]]:
        for question in (QUESTION, "And part-time?", "Thanks."):
            reply = agent.ask(question, session_id=f"listed-{service}")
        told = agent.messages.history(reply.conversation_id or "")
        return [(message.role, shape_of(message.content)) for message in told]

    kind = Client.kind_of(ENDPOINTS[service])
    with kind(**sandbox.kwargs(service)) as agent, Recorder(agent) as recorder:
        recorded = said(agent)
    store = InMemorySessionStore()
    with (
        Replay(recorder.transcript()) as replay,
        kind(**replay.kwargs(), session_store=store) as agent,
    ):
        assert said(agent) == recorded
    assert [role for role, _ in recorded] == ["user", "assistant"] * 3


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("service", ["cloudbase", "maiagent", "ag_ui"])
def test_a_file_goes_where_the_replay_says(
    sandbox: Sandbox, service: str, awaited: bool, tmp_path: Path
) -> None:
    """Also to another host that an answer names, as CloudBase's storage is."""

    def said(agent: Client) -> str:
        plan = Attachment("image", data=b"\x89PNG\r\n\x1a\n1234", filename="plan.png")
        question = "What is on the plan?"
        if not awaited:
            return shape_of(agent.ask(question, attachments=[plan]).text)
        return shape_of(asyncio.run(agent.aask(question, attachments=[plan])).text)

    kind = Client.kind_of(ENDPOINTS[service])
    with kind(**sandbox.kwargs(service)) as agent, Recorder(agent) as recorder:
        recorded = said(agent)
    recorder.save(tmp_path / "session.txt")
    written = (tmp_path / "session.txt").read_text()
    assert sandbox.url.rpartition(":")[2] not in written
    assert "PNG" not in written
    with Replay(tmp_path / "session.txt") as replay, kind(**replay.kwargs()) as agent:
        assert said(agent) == recorded
        assert (replay.left, replay.refused) == (0, [])


def without_key(request: httpx.Request) -> None:
    del request.headers["authorization"]


def other(**parts: Any) -> Callable[[httpx.Request], httpx.Request]:
    def change(request: httpx.Request) -> httpx.Request:
        known = {"method": request.method, "url": str(request.url), "content": request.content}
        del request.headers["content-length"]
        changed = {k: v(known[k]) for k, v in parts.items()}
        return httpx.Request(headers=request.headers, **{**known, **changed})

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (other(method=lambda _: "PUT"), "the method is PUT, recorded was POST"),
        (other(url=lambda url: url + "x"), "the path is "),
        (other(url=lambda url: url + "?page=2"), "the query has page"),
        (other(url=lambda url: url.replace("/api/", "/api/v1/")), "the path is "),
        (other(content=lambda b: b.replace(b'"isStreaming":false', b'"isStreaming":true')), "true"),
        (other(content=lambda b: b.replace(b'"attachments":[]', b'"attachments":[1]')), "1 items"),
        (other(content=lambda b: b.replace(b"null", b"17")), "is a number, recorded was null"),
        (other(content=lambda b: b.replace(b'"conversation":null,', b"")), "lacks conversation"),
        (other(content=lambda b: b.replace(b"{", b'{"x":1,', 1)), "has x, which was not recorded"),
        (other(content=lambda b: b[:-1]), "is a text, recorded was an object"),
        (without_key, "the header Authorization is missing"),
    ],
)
def test_what_is_another_request(transcript: Transcript, change: Any, says: str) -> None:
    with Replay(transcript) as replay:
        refused = ask(replay, change)
        assert refused.status_code == 501
        assert says in refused.json()["message"]
        assert ask(replay, lambda _: None).status_code == 200


def test_an_id_that_was_answered_comes_back_as_it_is(transcript: Transcript) -> None:
    with Replay(transcript) as replay:
        known = ask(replay, lambda _: None).json()["conversationId"]
        foreign = other(content=lambda b: b.replace(known.encode(), known[::-1].encode()))
        assert f"answered was '{known}'" in ask(replay, foreign, 1).json()["message"]
        assert ask(replay, lambda _: None, 1).status_code == 200


def test_what_broke_off_breaks_off(sandbox: Sandbox, tmp_path: Path) -> None:
    with CloudBase(**sandbox.kwargs("cloudbase")) as agent, Recorder(agent) as recorder:
        sandbox.drop_after(6, endpoint="cloudbase")
        with pytest.raises(StreamInterruptedError) as before:
            list(agent.stream("Count to 30"))
    recorder.save(tmp_path / "broken.txt")
    assert "# end: broken, StreamInterruptedError" in (tmp_path / "broken.txt").read_text()
    with (
        Replay(tmp_path / "broken.txt") as replay,
        CloudBase(**replay.kwargs()) as agent,
        pytest.raises(StreamInterruptedError) as after,
    ):
        list(agent.stream("Count to 30"))
    assert len(after.value.partial) == len(before.value.partial) > 0


def test_a_stream_that_was_left_is_recorded_as_far_as_it_was_read(sandbox: Sandbox) -> None:
    with CloudBase(**sandbox.kwargs("cloudbase")) as agent, Recorder(agent) as recorder:
        events = agent.stream("Count to 60")
        next(events)
        events.close()
    (interaction,) = recorder.transcript().interactions
    assert interaction.end == "left"
    assert interaction.pieces


def test_a_host_that_is_not_there() -> None:
    agent = MaiAgent(base_url="http://127.0.0.1:9", agent_id="a", api_key="k", max_retries=0)
    with Recorder(agent) as recorder, pytest.raises(AgentConnectionError):
        agent.ask("Hello")
    (interaction,) = recorder.transcript().interactions
    assert (interaction.status, interaction.end) == (0, "broken, AgentConnectionError")


def test_after_it_nothing_is_recorded(sandbox: Sandbox) -> None:
    with MaiAgent(**sandbox.kwargs("maiagent")) as agent:
        with Recorder(agent) as recorder:
            pass
        agent.ask("Hello")
    assert recorder.transcript().interactions == []


@pytest.mark.parametrize("first_out", ["the first", "the last"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
def test_two_recorders_of_one_agent_end_in_any_order(
    sandbox: Sandbox, awaited: bool, streamed: bool, first_out: str
) -> None:
    settings = sandbox.kwargs("bluenexus")
    way = Way("plain", "bluenexus", streamed=streamed, awaited=awaited, **settings)
    transport, recorders = way.model.agent.transport, [Recorder(way.model), Recorder(way.model)]
    recorders[0].__enter__()
    asked(way, QUESTION)
    recorders[1].__enter__()
    asked(way, QUESTION)
    ended = recorders.pop(0 if first_out == "the first" else 1)
    ended.__exit__(None, None, None)
    asked(way, QUESTION)
    recorders[0].__exit__(None, None, None)
    assert way.model.agent.transport is transport
    asked(way, QUESTION)
    turns = [len(recorder.transcript().interactions) for recorder in (ended, recorders[0])]
    assert turns == ([2, 2] if first_out == "the first" else [1, 3])


@pytest.mark.parametrize(
    "text", ["", "HTTP/2 200", "# source", "# source: x\n\n> GET /\n> odd\n", "# source: mine\n"]
)
def test_what_is_no_transcript(tmp_path: Path, text: str) -> None:
    (tmp_path / "session.txt").write_text(text)
    with pytest.raises(ConfigurationError, match="cannot be replayed"):
        Replay(tmp_path / "session.txt")


def test_a_file_that_is_not_there_and_a_port_that_is_taken(transcript: Transcript) -> None:
    with pytest.raises(ConfigurationError, match="cannot be replayed"):
        Replay("/nowhere/session.txt")
    with Replay(transcript) as replay:
        port = int(replay.url.rpartition(":")[2])
        with pytest.raises(ConfigurationError, match=f"Port {port} cannot be used"):
            Replay(transcript, port=port).__enter__()


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_models_of_both_frameworks(sandbox: Sandbox, framework: str, awaited: bool) -> None:
    way = Way(framework, "bluenexus", streamed=True, awaited=awaited, **sandbox.kwargs("bluenexus"))
    with Recorder(way.model) as recorder:
        before = asked(way, QUESTION)
    who = {"plain": "python", "langchain": "langchain-core", "llamaindex": "llama-index-core"}
    assert f"({who[framework]}/" in str(recorder.transcript()), "a bug report says who asked"
    with Replay(recorder.transcript()) as replay:
        again = Way(framework, "bluenexus", streamed=True, awaited=awaited, **replay.kwargs())
        after = asked(again, QUESTION)
    assert [len(piece) for piece in "".join(before.pieces).split(" ")] == [
        len(piece) for piece in "".join(after.pieces).split(" ")
    ]
