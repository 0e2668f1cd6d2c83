"""What comes from outside is input: files, addresses, limits, texts, nesting."""

import asyncio
import json
import logging
import math
import os
import socket
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import ChatMessage

import llamaindex_agents
from remote_agents import (
    AgentError,
    Attachment,
    Citation,
    ConfigurationError,
    InMemorySessionStore,
    MaiAgent,
    SQLSessionStore,
    TextDelta,
    Timeout,
    UnsupportedContentError,
    display_stream,
)
from remote_agents.cli.connection import print_json
from remote_agents.prompts import as_messages
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, make
from remote_agents.types.rendering import fenced, render
from tests.raw_server import JSON, Step, head, serving
from tests.transports import asking, each_kind

KEY = "sk-4cf1a9e2b7-very-secret"

# --- files ---------------------------------------------------------------------------------------


def test_a_mapping_names_no_local_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    for given in (
        {"path": str(secret)},
        {"kind": "image", "path": str(secret), "url": "https://a"},
    ):
        with pytest.raises(UnsupportedContentError, match="from_path"):
            as_messages([{"role": "user", "content": "Hi", "attachments": [given]}])


@pytest.mark.parametrize("kind", ["image", "document", "audio", "video"])
def test_nor_does_a_parsed_message_of_llamaindex(
    kind: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    blocks = [{"block_type": kind, "path": str(secret)}, {"block_type": "text", "text": "Hi"}]
    given = {"role": "user", "blocks": blocks}
    llm = llamaindex_agents.MaiAgent(**sandbox.kwargs("maiagent"))
    for message in (
        ChatMessage.model_validate_json(json.dumps(given)),
        ChatMessage.model_validate(given),
        ChatMessage.model_validate(given).model_copy(deep=True),
    ):
        with pytest.raises(UnsupportedContentError, match=r"bytes, \w+Block\(|not take Video"):
            llm.chat([message])
    assert sandbox.requests("maiagent") == []


@pytest.mark.parametrize(
    "given",
    [
        "/etc/passwd",
        {"path": "/etc/passwd"},
        ["/etc/passwd"],
        [{"data": "text"}],
        [{"url": 1}],
        [7],
    ],
)
def test_an_odd_attachment_is_refused_by_its_name(given: Any) -> None:
    with pytest.raises(UnsupportedContentError):
        as_messages([{"role": "user", "content": "Hi", "attachments": given}])


def test_a_python_object_may_name_one(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plan.txt"
    file.write_text("The plan.")
    agent = MaiAgent(**sandbox.kwargs("maiagent"))
    for each in (Attachment.from_path(file), Attachment(path=str(file))):
        agent.ask([{"role": "user", "content": "Read it", "attachments": [each]}])
    paths = [request["path"] for request in sandbox.requests("maiagent")]
    assert sum(path.endswith("/attachments/") for path in paths) >= 1


@pytest.fixture
def odd_files(tmp_path: Path) -> list[Path]:
    pipe, talk = tmp_path / "pipe", tmp_path / "talk"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(talk))
    link = tmp_path / "link"
    link.symlink_to("/dev/zero")
    return [pipe, talk, link, Path("/dev/zero"), tmp_path, tmp_path / "none", Path("a\0b")]


def upload(agent: MaiAgent, path: Path, awaited: bool) -> None:
    if awaited:
        asyncio.run(agent.attachments.aupload(path))
    else:
        agent.attachments.upload(path)


@pytest.mark.parametrize("awaited", [False, True])
def test_what_is_no_regular_file_is_not_read(
    sandbox: Sandbox, odd_files: list[Path], awaited: bool
) -> None:
    agent = MaiAgent(**sandbox.kwargs("maiagent"))
    for path in odd_files:
        with pytest.raises(UnsupportedContentError, match="nothing was sent"):
            upload(agent, path, awaited)
    assert sandbox.requests("maiagent") == []


# --- arguments -----------------------------------------------------------------------------------

WRONG = (ConfigurationError, ValueError)
FOREVER = (math.inf, -math.inf, math.nan, 0, -1, 1e12, True, "60")


@pytest.mark.parametrize("seconds", FOREVER)
@pytest.mark.parametrize("phase", ["connect", "first_event", "idle", "total"])
def test_a_limit_that_is_none_is_refused(phase: str, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="time limit"):
        Timeout(**{phase: seconds})


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("seconds", [math.inf, math.nan, -1, 1e12])
def test_so_it_is_in_every_face(framework: str, seconds: float) -> None:
    with pytest.raises(WRONG):
        make(framework, "bluenexus", api_key="k", timeout=seconds)


NEVER: list[dict[str, Any]] = [
    *({"session_wait": seconds} for seconds in (math.inf, math.nan, 0, -1, 1e12)),
    {"max_retries": 10**9},
    {"rate_limit": "0/minute"},
    {"rate_limit": "99999999999999999999/minute"},
    {"rate_limit": "1/100 years"},
    {"max_body_bytes": math.inf},
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("settings", NEVER, ids=str)
def test_an_absurd_bound_is_refused_at_construction(
    framework: str, settings: dict[str, Any]
) -> None:
    with pytest.raises(WRONG):
        make(framework, "bluenexus", api_key="k", **settings)


@pytest.mark.parametrize("seconds", FOREVER)
def test_so_it_is_by_a_store(seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="lease"):
        SQLSessionStore("sqlite://", lease=seconds)
    with pytest.raises(ConfigurationError, match="ttl"):
        InMemorySessionStore(ttl=seconds)
    with pytest.raises(ConfigurationError, match="max_size"):
        InMemorySessionStore(max_size=seconds)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    "url",
    [
        "https://:pw-very-secret@agents.example",
        "https://user:pw-very-secret@agents.example",
        "https://@agents.example",
        "https://agents.example/#key=very-secret",
        "https://agents.example/?key=very-secret",
        "https://agents.example?",
    ],
)
def test_an_address_with_more_than_an_address_is_refused(framework: str, url: str) -> None:
    with pytest.raises(WRONG) as caught:
        make(framework, "bluenexus", api_key="k", base_url=url)
    assert "very-secret" not in str(caught.value)


# --- secrets -------------------------------------------------------------------------------------


def wrong_settings() -> dict[str, dict[str, Any]]:
    return {
        "misspelt": {"temprature": 1},
        "http": {"base_url": "http://agents.example"},
        "limit": {"timeout": -1},
        "retries": {"max_retries": -1},
        "storage": {"rate_limit": "1/minute", "rate_limit_storage": "nowhere://h"},
        "certificates": {"verify": "/none.pem"},
    }


@pytest.mark.parametrize("name", [*wrong_settings(), "api_keys"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_frame_of_a_failed_constructor_shows_the_key(framework: str, name: str) -> None:
    os.environ["KEY_OF_THIS_TEST"] = KEY
    try:
        error = failed(framework, name)
    finally:
        del os.environ["KEY_OF_THIS_TEST"]
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in "".join(shown.format())


def failed(framework: str, name: str) -> Exception:
    import langchain_agents
    import llamaindex_agents
    import remote_agents

    kind: Any = {
        "plain": remote_agents.BlueNexus,
        "langchain": langchain_agents.ChatBlueNexus,
        "llamaindex": llamaindex_agents.BlueNexus,
    }[framework]
    settings = wrong_settings().get(name, {})
    try:
        if name == "api_keys":
            kind(api_keys=os.environ["KEY_OF_THIS_TEST"])
        elif name == "certificates":
            kind(api_key=os.environ["KEY_OF_THIS_TEST"], **settings)._agent.ask([])
        else:
            kind(api_key=os.environ["KEY_OF_THIS_TEST"], **settings)
    except Exception as error:
        return error
    raise AssertionError("it was accepted")


@each_kind
async def test_a_key_function_with_a_line_break_leaves_it_in_no_frame(kind: str) -> None:
    os.environ["KEY_OF_THIS_TEST"] = KEY
    with serving([head(JSON, length=2), b"{}"]) as server:
        async with asking(
            kind, server, api_key=lambda: os.environ["KEY_OF_THIS_TEST"] + "\n"
        ) as asker:
            error = await asker.fails()
        assert server.requests == []
    del os.environ["KEY_OF_THIS_TEST"]
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in "".join(shown.format())


HELD: list[dict[str, Any]] = [
    {"api_key": KEY},
    {"default_headers": {"Authorization": f"Bearer {KEY}"}},
    {"default_headers": {"X-Api-Key": KEY}},
    {"default_headers": {"Cookie": f"theme=dark; sid={KEY}; lang=en"}},
    {"default_headers": {"X-Other-Token": KEY[:10], "X-Token": KEY}},
    {"extra_body": {"tools": [{"type": "mcp", "auth": {"value": KEY}}]}},
]


@each_kind
@pytest.mark.parametrize("held", HELD, ids=str)
@pytest.mark.parametrize("before", [0, 470, 480, 490, 499])
async def test_a_quoted_key_is_cut_out_wherever_the_message_is_cut(
    kind: str, before: int, held: dict[str, Any]
) -> None:
    body = b'{"message": "%s"}' % (b"x" * before + KEY.encode())
    with serving([head(JSON, "400 Bad", length=len(body)), body]) as server:
        async with asking(kind, server, **{"api_key": "another-key", **held}) as asker:
            error = await asker.fails()
    assert KEY[:8] not in str(error)
    assert KEY[:8] not in str(vars(error))
    assert KEY[-8:] not in str(vars(error))


@each_kind
async def test_a_word_in_a_header_is_no_secret(kind: str) -> None:
    body = b'{"message": "Margaret Hill is no admin: no keyword vacation-days, no cl100k_base."}'
    headers = {"X-Author": "Margaret", "X-Auth-Mode": "admin"}
    fields = {"keywords": ["vacation-days"], "tokenizer": "cl100k_base"}
    own: dict[str, Any] = {"default_headers": headers, "extra_body": fields}
    with serving([head(JSON, "400 Bad", length=len(body)), body]) as server:
        async with asking(kind, server, api_key=KEY, **own) as asker:
            assert json.loads(body)["message"] in str(await asker.fails())


@each_kind
async def test_the_debug_log_holds_no_key_and_no_searched_text(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "remote_agents")
    body = b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}'
    answer = head(
        JSON, "200 OK", f"X-Request-Id: {KEY}", f"X-Conversation-Id: {KEY}", length=len(body)
    )
    with serving([answer, body]) as server:
        async with asking(kind, server, api_key=KEY) as asker:
            await asker.ask(stream=False)
    with serving([head(JSON, length=14), b'{"results":[]}']) as server:
        records = MaiAgent(base_url=server.url, agent_id="a", api_key="k").records
        assert (
            list(records.list(start="2025-01-01", end="2025-01-02", user_message="diagnosis")) == []
        )
    said = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "records" in said
    assert KEY not in said
    assert "diagnosis" not in said


# --- screens -------------------------------------------------------------------------------------

STEERING = "Hi \x1b]52;c;cm0gLXJm\x07\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\u2066\r!"


def test_a_terminal_is_not_steered() -> None:
    out = StringIO()
    with redirect_stdout(out):
        display_stream([TextDelta(STEERING), Citation(title="doc\x1b[2J\n[2] forged source")])
    shown = out.getvalue()
    assert not set(shown) & set("\x1b\x07\x9b\u202e\u2066\r")
    assert "\n[2]" not in shown
    assert "[1] doc[2J [2] forged source" in shown


@pytest.mark.parametrize("shape", [render, fenced])
def test_nor_is_a_page(shape: Callable[..., str]) -> None:
    page = shape(STEERING, STEERING, [("doc\u202e 2. forged", None)])
    assert not set(page) & set("\x1b\x07\x9b\u202e\u2066\r")
    assert "doc 2. forged" in page


def test_nor_by_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": STEERING})
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\x07\x9b\u202e\u2066\r")
    assert json.loads(shown) == {"text": STEERING}


# --- what a service sends ------------------------------------------------------------------------


def refused(*headers: str, status: str = "429 Too Many Requests") -> list[Step]:
    return [head(JSON, status, *headers, length=2), b"{}"]


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"error":' * depth + b"1" + b"}" * depth


ODD: dict[str, list[Step]] = {
    "a year that is none": refused("Retry-After: Mon, 01 Jan 99999999999 00:00:00 GMT"),
    "a zone that is none": refused(f"Retry-After: Mon, 01 Jan 2026 00:00:00 +{'9' * 20}"),
    "a month that is none": refused("Retry-After: Mon, 99 Foo 2026 99:99:99 GMT"),
    "a number that is none": refused("Retry-After: nan"),
    "a number without end": refused("Retry-After: inf"),
    "a deep body": [head(JSON, length=1400), nested(700)],
    "a deep object": [head(JSON), objects(700)],
    "a deep error": [
        head(JSON, "400 Bad"),
        objects(900),
    ],
}
for depth in (150, 190, 201, 300, 700, 990, 1200, 5000):
    text = b'data: {"choices":[{"delta":{"content":"Ticket 1 is closed. "}}]}\n\n'
    ODD[f"a frame {depth} deep"] = [head(), text + b"data: " + nested(depth) + b"\n\n"]


@each_kind
@pytest.mark.parametrize("name", ODD)
async def test_an_odd_answer_is_a_typed_error(kind: str, name: str) -> None:
    with serving(ODD[name]) as server:
        async with asking(kind, server) as asker:
            error = await asker.fails(stream=name.startswith("a frame"))
    assert isinstance(error, AgentError)
    if name.startswith("a frame"):
        assert error.partial == "Ticket 1 is closed. "
