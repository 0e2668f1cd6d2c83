import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.serving.server import Connection
from remote_agents.sandbox.settings import settings_of_services
from tests.sandbox.calls import BOTH, ENDPOINTS, PLAIN, Caller, frames

QUESTION = "Count to 12"


def read_some(call: Caller, endpoint: str, count: int = 3, wait: float = 0.5) -> bytes:
    """The first bytes of a stream that does not end by itself."""
    body, headers = call.body(endpoint, QUESTION, True), call.headers(endpoint)
    timeout = httpx.Timeout(5, read=wait)
    seen = b""
    with call.http.stream(
        "POST", call.path(endpoint), json=body, headers=headers, timeout=timeout
    ) as reply:
        for chunk in reply.iter_raw():
            seen += chunk
            if seen.count(b"\n\n") >= count or len(seen) > 1_000_000:
                break
    return seen


def until(check: Callable[[], bool], seconds: float = 2.0) -> bool:
    end = time.monotonic() + seconds
    while not check() and time.monotonic() < end:
        time.sleep(0.01)
    return check()


@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_fail_next_once_and_in_the_vendors_shape(call: Caller, endpoint: str, stream: bool) -> None:
    call.box.fail_next(status=503, retry_after=7)
    reply = call.post(endpoint, stream=stream)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "7")
    assert isinstance(reply.json(), dict)
    assert call.post(endpoint, stream=stream).status_code == 200
    assert len(call.box.turns()) == 1


def test_fail_next_with_a_body(call: Caller) -> None:
    call.box.fail_next(status=502, body="<h1>Bad Gateway</h1>", times=2)
    call.box.fail_next(status=429, body={"code": "EXCEED_TOKEN_QUOTA_LIMIT", "message": "gone"})
    assert [call.post("cloudbase").status_code for _ in range(4)] == [502, 502, 429, 200]


def test_a_fault_waits_for_its_endpoint_and_path(call: Caller) -> None:
    call.box.fail_next(endpoint="maiagent")
    call.box.fail_next(status=418, match="/conversation")
    assert call.post("bluenexus").status_code == 200
    assert call.post("maiagent").status_code == 500
    path = call.path("cloudbase").replace("send-message", "conversation")
    assert call.http.post(path, headers=call.headers("cloudbase")).status_code == 418


def test_reset_clears_faults_and_the_log_and_keeps_conversations(call: Caller) -> None:
    told = call.post("maiagent", "My name is Ada.").json()["conversationId"]
    call.box.fail_next(times=5)
    call.box.reset()
    assert (call.box.turns(), call.box.requests()) == ([], [])
    assert "Ada" in call.ask("maiagent", "What did I just say?", conversation=told)


@pytest.mark.parametrize("endpoint", PLAIN)
@pytest.mark.parametrize("kind", ["drop_after", "truncate_after"])
def test_plain_bodies_are_cut(call: Caller, endpoint: str, kind: str) -> None:
    call.box.fault(kind, events=2)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        call.post(endpoint)
    assert call.box.requests()[-1]["outcome"] == "disconnected"
    assert call.post(endpoint).status_code == 200


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_streams_are_dropped_after_some_frames(call: Caller, endpoint: str) -> None:
    call.box.drop_after(3)
    seen: list[bytes] = []
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        read_all(call, endpoint, seen)
    assert b"".join(seen).count(b"\n\n") == 3


def read_all(call: Caller, endpoint: str, seen: list[bytes]) -> None:
    body, headers = call.body(endpoint, QUESTION, True), call.headers(endpoint)
    with call.http.stream("POST", call.path(endpoint), json=body, headers=headers) as reply:
        seen.extend(reply.iter_raw())


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_streams_are_truncated_cleanly(call: Caller, endpoint: str) -> None:
    call.box.truncate_after(3)
    assert len(frames(call.post(endpoint, QUESTION, stream=True))) == 3


@pytest.mark.parametrize("keepalive", [True, False])
def test_streams_stall(call: Caller, keepalive: bool) -> None:
    call.box.stall_after(2, keepalive=keepalive)
    if keepalive:
        assert read_some(call, "bluenexus", 4).count(b": keep-alive") == 2
    else:
        with pytest.raises(httpx.ReadTimeout):
            read_some(call, "bluenexus", 4)
    assert until(lambda: call.box.requests()[0]["outcome"] == "disconnected")


def test_plain_bodies_stall(call: Caller) -> None:
    call.box.stall_after()
    body, headers = call.body("maiagent", "hi"), call.headers("maiagent")
    with pytest.raises(httpx.ReadTimeout):
        call.http.post(call.path("maiagent"), json=body, headers=headers, timeout=0.3)


def test_a_disconnect_is_noticed_at_once(call: Caller) -> None:
    call.box.stall_after(1, keepalive=False)
    with pytest.raises(httpx.ReadTimeout):
        read_some(call, "private_ai", wait=0.2)
    left = time.time()
    assert until(lambda: call.box.requests()[0]["ended"] is not None)
    assert call.box.requests()[0]["ended"] - left < 0.2


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_error_events(call: Caller, endpoint: str) -> None:
    call.box.error_event(after=2)
    seen = frames(call.post(endpoint, QUESTION, stream=True))
    assert len(seen) == 3
    assert "error" in seen[-1] or seen[-1]["type"] == "RUN_ERROR"


@pytest.mark.parametrize("path", ["send-message", "chat/completions"])
def test_a_run_fails_as_tencents_server_tells_it(call: Caller, path: str) -> None:
    call.box.error_event(after=1)
    body = {"messages": [{"id": "1", "role": "user", "content": "hi"}]}
    url = call.path("cloudbase", "agent-handbook").replace("send-message", path)
    started, *failed = frames(call.http.post(url, json=body, headers=call.headers("cloudbase")))
    ids = {"run_id": started["runId"], "thread_id": started["threadId"]}
    again = "Failed to process agent request: The model failed."
    assert failed == [
        {"type": "RUN_ERROR", "message": "The model failed.", **ids},
        {"type": "RUN_ERROR", "message": again, "code": "INTERNAL_ERROR", **ids},
    ]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "reasoning", "content": "Hm.", "encryptedValue": "{}"},
        {"role": "developer", "content": "Be brief."},
        {"role": "activity", "activityType": "search", "content": {"query": "salary"}},
    ],
    ids=lambda message: message["role"],
)
def test_a_run_with_a_role_that_tencents_server_cannot_convert_fails(
    call: Caller, message: dict[str, Any]
) -> None:
    said = {"id": "2", "role": "user", "content": "hi"}
    body = {"threadId": "t", "runId": "r", "messages": [{"id": "1", **message}, said]}
    url = call.path("cloudbase", "agent-handbook")
    told = frames(call.http.post(url, json=body, headers=call.headers("cloudbase")))
    why, ids = f"Unsupported message role: {message['role']}", {"run_id": "r", "thread_id": "t"}
    again = f"Failed to process agent request: {why}"
    assert told == [
        {"type": "RUN_ERROR", "message": why, **ids},
        {"type": "RUN_ERROR", "message": again, "code": "INTERNAL_ERROR", **ids},
    ]


@pytest.mark.parametrize("endpoint", PLAIN)
@pytest.mark.parametrize("kind", ["error_event", "error_in_200"])
def test_errors_within_200(call: Caller, endpoint: str, kind: str) -> None:
    call.box.fault(kind)
    reply = call.post(endpoint)
    assert reply.status_code == 200
    assert {"code", "detail", "statusCode", "error"} & set(reply.json())


def test_garbage(call: Caller) -> None:
    call.box.garbage(times=2)
    lines = call.post("bluenexus", QUESTION, stream=True).text.split("\n\n")
    assert "not json" in lines[0]
    assert "role" in lines[1]
    with pytest.raises(ValueError, match="Expecting"):
        call.post("bluenexus", QUESTION).json()


def test_duplicate_frames(call: Caller) -> None:
    call.box.duplicate_frames()
    seen = frames(call.post("maiagent", QUESTION, stream=True))
    assert seen[0] == seen[1]
    assert len(seen) == 26


def test_slow_first_byte(call: Caller) -> None:
    call.box.slow_first_byte(0.3)
    start = time.monotonic()
    assert call.post("bluenexus").status_code == 200
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize("stream", [True, False])
def test_wrong_content_type(call: Caller, stream: bool) -> None:
    call.box.wrong_content_type()
    reply = call.post("private_ai", stream=stream)
    assert (reply.status_code, reply.headers["content-type"][:9]) == (200, "text/html")


def test_reset_before_response(call: Caller) -> None:
    call.box.reset_before_response()
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        call.post("bluenexus")
    assert call.box.turns() == []
    assert call.post("bluenexus").status_code == 200


def test_endless_line(call: Caller) -> None:
    call.box.endless_line()
    seen = read_some(call, "cloudbase")
    assert len(seen) > 1_000_000
    assert b"\n" not in seen
    assert until(lambda: call.box.requests()[0]["outcome"] == "disconnected")


def test_endless_keepalives(call: Caller) -> None:
    call.box.endless_keepalives()
    assert read_some(call, "cloudbase", 20) == b": keep-alive\n\n" * 20


def test_gzip_bomb(call: Caller) -> None:
    call.box.gzip_bomb()
    body, headers = call.body("bluenexus", "hi", True), call.headers("bluenexus")
    unpacked = 0
    with call.http.stream("POST", call.path("bluenexus"), json=body, headers=headers) as reply:
        assert reply.headers["content-encoding"] == "gzip"
        for chunk in reply.iter_bytes():
            unpacked += len(chunk)
            if unpacked > 30_000_000:
                break
    assert reply.num_bytes_downloaded < 1_000_000


def test_huge_headers(call: Caller) -> None:
    call.box.huge_headers()
    with pytest.raises(httpx.RemoteProtocolError):
        call.post("bluenexus")
    assert call.post("bluenexus").status_code == 200


def test_unknown_faults_and_endpoints_are_refused(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="unknown fault 'nope'"):
        box.fault("nope")
    with pytest.raises(ValueError, match="unknown endpoint 'nope'"):
        box.fail_next(endpoint="nope")
    with pytest.raises(ValueError, match="unknown setting 'nope'"):
        box.configure(nope=1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("word_delay", "fast", "a number of seconds from 0, not 'fast'"),
        ("word_delay", -1, "a number of seconds from 0"),
        ("word_delay", float("inf"), "a number of seconds from 0"),
        ("word_delay", True, "a number of seconds from 0"),
        ("word_delay", None, "a number of seconds from 0"),
        ("rate_limit", "often", "a limit such as '30/minute'"),
        ("rate_limit", "0/minute", "a limit such as '30/minute' (not 0)"),
        ("rate_limit", [], "a limit such as '30/minute'"),
        ("credits", "many", "a whole number from 0"),
        ("cloudbase_lists", "tmplate", "'hosted', 'template' or 'express', not 'tmplate'"),
        ("maiagent_root", "/nope", "None, '/api' or '/api/v1', not '/nope'"),
        ("export_padding", 1.5, "a whole number from 0"),
        ("refuse_system", "no", "true or false"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    call: Caller, box: Sandbox, name: str, value: object, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} must be {said}")):
        box.configure(**{"credits": 7, name: value})  # the other one is not set either
    body = json.dumps({name: value})
    answer = call.http.post("/_sandbox/configure", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    now = call.http.post("/_sandbox/configure", json={}).json()
    assert now["of_services"]["credits"] != 7
    assert now.get(name, now["of_services"].get(name)) != value


def test_what_is_set_at_first_may_be_set(box: Sandbox) -> None:
    box.configure(**settings_of_services())
    box.configure(rate_limit="none", word_delay=0.0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("rate_limit", "often", "'30/minute' (not 0) or 'none', not 'often'"),
        ("rate_limit", "0/minute", "'30/minute' (not 0)"),
        ("word_delay", "fast", "a number of seconds from 0 on"),
        ("token_seconds", 0, "a number of seconds above 0"),
        ("port", 99_999, "a port is a number up to 65535"),
        ("upstream", "127.0.0.1", "an address that begins with http"),
    ],
)
def test_an_argument_that_cannot_be_is_refused_where_it_is_given(
    capfd: pytest.CaptureFixture[str], name: str, value: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .*{re.escape(said)}"):
        Sandbox(**{name: value})
    assert capfd.readouterr() == ("", "")


def test_faults_over_http(call: Caller) -> None:
    order = {"kind": "fail_next", "endpoint": "bluenexus", "status": 504}
    assert call.http.post("/_sandbox/faults", json=order).status_code == 201
    assert call.http.get("/_sandbox/faults").json()[0]["kind"] == "fail_next"
    assert call.post("bluenexus").status_code == 504


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"kind": "drop_after", "evnts": 3}, "takes no 'evnts'; it takes: events"),
        ({"kind": "garbage", "events": 3}, "takes no 'events'"),
        ({"kind": "drop_after", "events": "many"}, "events must be a whole number"),
        ({"kind": "drop_after", "times": 0}, "times must be a whole number from 1"),
        ({"kind": "drop_after", "times": True}, "times must be a whole number from 1"),
        ({"kind": "fail_next", "status": 99999}, "status must be"),
        ({"kind": "stall_after", "keepalive": "no"}, "keepalive must be true or false"),
        ({"kind": "slow_first_byte", "seconds": -1}, "seconds must be a number"),
        ({"kind": "fail_next", "retry_after": [1]}, "retry_after must be seconds or a date"),
    ],
)
def test_an_order_that_cannot_be_followed_is_refused(
    call: Caller, order: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        call.box.fault(**order)
    assert call.http.get("/_sandbox/faults").json() == []


async def test_a_reset_of_a_connection_that_is_gone_is_no_error(box: Sandbox) -> None:
    port = int(box.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    connection = Connection(writer.transport)
    hanging_up = asyncio.ensure_future(connection.hang_up(reset=True))
    await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()
    connection.lose()
    await asyncio.wait_for(hanging_up, 5)
