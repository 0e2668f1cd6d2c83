"""Answers that look well and are not: each is a typed error, and nothing is sent twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import remote_agents
from remote_agents import (
    AgentError,
    AgentStatusError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    RemoteFailureError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeout,
)
from remote_agents.testing.ways import ENDPOINT_NAMES, NAMES
from tests.raw_server import EVENTS, JSON, RawServer, Step, head, serving
from tests.transports import DONE, asking, delta, each_kind


def frame(data: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(data).encode()


def client(endpoint: str, server: RawServer, **settings: Any) -> Any:
    settings = {"agent_id": "a", "api_key": "secret-key", "base_url": server.url, **settings}
    return getattr(remote_agents, NAMES[endpoint])(**settings)


def failure(endpoint: str, *script: Step, **settings: Any) -> AgentError:
    with serving(list(script)) as server, pytest.raises(AgentError) as caught:
        client(endpoint, server, **settings).ask("Hi")
    return caught.value


REPORTED = {
    "an error frame without an error": {"type": "error", "content": "Overloaded"},
    "an error frame": {"type": "error", "error": {"message": "Overloaded"}},
    "a run that failed": {"type": "RUN_ERROR", "message": "Overloaded"},
    "FastAPI's and Django's": {"detail": "Overloaded"},
    "NestJS's": {"statusCode": 500, "message": "Overloaded"},
    "CloudBase's": {"code": "SERVICE_TIMEOUT", "message": "Overloaded", "requestId": "r"},
}


@pytest.mark.parametrize("reported", REPORTED)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_reported_failure_is_an_error(endpoint: str, reported: str) -> None:
    error = failure(endpoint, head(), frame(REPORTED[reported]), DONE)
    assert isinstance(error, RemoteFailureError)
    assert "Overloaded" in str(error)


@pytest.mark.parametrize("reported", REPORTED)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_body_of_its_own_reports_the_same(endpoint: str, reported: str) -> None:
    body = json.dumps(REPORTED[reported]).encode()
    error = failure(endpoint, head(JSON, length=len(body)), body)
    assert isinstance(error, RemoteFailureError)
    assert "Overloaded" in str(error)


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_refusal_in_place_of_an_answer_has_its_class(endpoint: str) -> None:
    refusal = {"code": "INVALID_CREDENTIALS", "message": "Credentials are invalid"}
    assert isinstance(failure(endpoint, head(), frame(refusal)), AuthenticationError)
    spent = {"type": "error", "error": {"code": "EXCEED_TOKEN_QUOTA_LIMIT", "message": "gone"}}
    error = failure(endpoint, head(), frame(spent))
    assert isinstance(error, QuotaExceededError)
    assert "waiting does not help" in str(error)


SPENT = {"code": "EXCEED_TOKEN_QUOTA_LIMIT", "message": "gone"}
CODED: dict[str, Any] = {
    "beside the words": SPENT,
    "in the error": {"error": SPENT},
    "in a list of errors": {"errors": [SPENT]},
    "in an error that is a list": {"error": [SPENT]},
    "in FastAPI's detail": {"detail": SPENT},
    "in an error in it": {"detail": {"error": SPENT}},
}


@pytest.mark.parametrize("place", CODED)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_code_is_found_wherever_it_stands(endpoint: str, place: str) -> None:
    body = json.dumps(CODED[place]).encode()
    scripts: list[list[Step]] = [
        [head(JSON, "429 Too Many Requests", length=len(body)), body],
        [head(JSON, length=len(body)), body],
        [head(), b"data: %b\n\n" % body],
        [head(), b"event: error\ndata: %b\n\n" % body],
    ]
    for script in scripts:
        error = failure(endpoint, *script)
        assert isinstance(error, QuotaExceededError)
        assert (error.code, "gone" in str(error)) == ("EXCEED_TOKEN_QUOTA_LIMIT", True)


WRONG = [{"loc": ["body", "x"], "msg": "too small", "type": "t"}, {"loc": ["y"], "msg": "missing"}]
FIELDS = [{"field": "a", "message": "off"}]
WORDED: dict[str, tuple[Any, str | None, str]] = {
    "FastAPI's, as the error": ({"error": WRONG}, None, "body.x: too small; y: missing"),
    "FastAPI's, as errors": ({"errors": WRONG}, None, "body.x: too small; y: missing"),
    "by field": ({"errors": {"message": ["m"], "name": "n"}}, None, "message: m; name: n"),
    "by field, in a detail": ({"detail": {"name": "taken"}}, None, "name: taken"),
    "of no field": ({"message": "m", "errors": [{"field": None, "message": "off"}]}, None, "off"),
    "of a field alone": ({"message": "m", "errors": [{"field": "a", "code": "C"}]}, "C", "m"),
    "a detail beside": ({"message": "m", "code": "C", "detail": {"type": "t"}}, "C", "m"),
    "NestJS's, in a detail": ({"detail": {"error": "slow", "message": "m"}}, "slow", "m"),
    "with its place": ({"error": {"loc": "x", "code": "C", "message": "m"}}, "C", "m"),
    "of a field, in a detail": ({"detail": {"message": "m", "errors": FIELDS}}, None, "a: off"),
    "a status beside": ({"message": "m", "error": "Not So Good"}, "Not So Good", "m"),
    "words beside": ({"message": "m", "error": "Not so good"}, "Not so good", "m: Not so good"),
    "the same words beside": (
        {"message": "It failed", "error": "it failed"},
        "it failed",
        "It failed",
    ),
}


@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_status_that_is_told_says_what_an_error_event_is(endpoint: str) -> None:
    told = b'{"statusCode":402,"message":"No credits"}'
    for event in (b"data: %b\n\n", b"event: error\ndata: %b\n\n", b'data: {"error":%b}\n\n'):
        assert isinstance(failure(endpoint, head(), event % told), QuotaExceededError)


@pytest.mark.parametrize("said", [{"content": "Overloaded"}, {"text": "Overloaded"}])
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_a_failure_that_a_type_tells_has_its_words(endpoint: str, said: dict[str, str]) -> None:
    body = json.dumps({"type": "error", **said}).encode()
    for script in ([head(JSON, length=len(body)), body], [head(), b"data: %b\n\n" % body]):
        assert str(failure(endpoint, *script)).partition(": ")[2] == "Overloaded"


@pytest.mark.parametrize("place", WORDED)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_what_is_wrong_is_told_with_its_field(endpoint: str, place: str) -> None:
    body, code, said = WORDED[place]
    raw = json.dumps(body).encode()
    error = failure(endpoint, head(JSON, "400 Bad Request", length=len(raw)), raw)
    assert isinstance(error, BadRequestError)
    assert (error.code, str(error).partition("400: ")[2]) == (code, f"{said}.")


PAGES = {  # of HAProxy, Express, nginx, and nginx where TLS is spoken
    "503 No server": ("<html><body><h1>503 No</h1>\nserver\n</body></html>", ""),
    "500 It's off": (
        "<!DOCTYPE html>\n<title>Error</title><pre>500 It&#39;s off<br> &nbsp;at x</pre></html>",
        "",
    ),
    "502 Bad Gateway": ("<html><head><title>502 Bad Gateway</title></head><h1>x</h1></html>", ""),
    "400 To HTTPS port": ("<html><title>400 To HTTPS port</title></html>", " Check base_url."),
}


@pytest.mark.parametrize("status", PAGES)
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_the_page_of_a_gateway_is_told_in_its_words(endpoint: str, status: str) -> None:
    page, hint = PAGES[status]
    raw = page.encode()
    error = failure(endpoint, head("text/html", status, length=len(raw)), raw, max_retries=0)
    told = f"a web page ({status}) instead of an API answer.{hint}"
    assert str(error).partition(f"{status[:3]}: ")[2] == told


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("EXCEED_TOKEN_QUOTA_LIMIT", QuotaExceededError),
        ("SERVICE_CHARGE_OVERDUE", QuotaExceededError),
        ("EXCEED_REQUEST_LIMIT", QuotaExceededError),
        ("ENV_SUSPENDED", QuotaExceededError),
        ("ENV_ISOLATED", QuotaExceededError),
        ("EXCEED_RATELIMIT", RateLimitError),
        ("EXCEED_CONCURRENT_REQUEST_LIMIT", RateLimitError),
    ],
)
@pytest.mark.parametrize("endpoint", ["cloudbase", "cloudbase_openai"])
def test_a_code_of_its_own_says_more_than_the_status(
    endpoint: str, code: str, kind: type[AgentStatusError]
) -> None:
    body = json.dumps({"code": code, "message": "gone"}).encode()
    statuses = ("403 Forbidden", "429 Too Many Requests", "200 OK")
    for answer in (head(JSON, status, length=len(body)) for status in statuses):
        error = failure(endpoint, answer, body, max_retries=0)
        assert isinstance(error, kind)
        assert error.code == code


@pytest.mark.parametrize("listed", [True, False])
def test_private_ais_code_is_found_in_its_details(listed: bool) -> None:
    told = {"error_code": "AGENT_ID_NOT_FOUND", "loc": [], "msg": "No agent", "type": "missing"}
    body = json.dumps({"detail": [told] if listed else told}).encode()
    error = failure("private_ai", head(JSON, "404 Not Found", length=len(body)), body)
    assert isinstance(error, NotFoundError)
    assert (error.code, "No agent." in str(error)) == ("AGENT_ID_NOT_FOUND", True)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("MISSING_CREDENTIALS", AuthenticationError),
        ("ACCESS_TOKEN_INVALID", AuthenticationError),
        ("ACCESS_TOKEN_EXPIRED", AuthenticationError),
        ("AUTHENTICATION_FAILED", AuthenticationError),
        ("ACCESS_DENIED", PermissionDeniedError),
        ("ACTION_FORBIDDEN", PermissionDeniedError),
        ("AGENT_INVALID_PARAM", BadRequestError),
    ],
)
@pytest.mark.parametrize("endpoint", ["cloudbase", "cloudbase_openai"])
def test_the_gateways_codes_have_the_class_of_their_status(
    endpoint: str, code: str, kind: type[AgentStatusError]
) -> None:
    body = json.dumps({"code": code, "message": "no"}).encode()
    assert isinstance(failure(endpoint, head(JSON, length=len(body)), body), kind)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"success": false}', b'{"message": "failed"}'])
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
def test_json_that_is_no_answer_is_no_success(endpoint: str, body: bytes) -> None:
    error = failure(endpoint, head(JSON, length=len(body)), body)
    assert isinstance(error, (StreamInterruptedError, StreamProtocolError, RemoteFailureError))


def test_what_an_agents_tool_says_is_no_lost_conversation() -> None:
    tool = frame({"error": {"message": "Slack tool: conversation not found"}})
    with serving(
        [head(EVENTS, "200 OK", "X-Conversation-Id: c1"), delta("Hello"), DONE],
        [head(), b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n', tool],
    ) as server:
        agent = client("bluenexus", server)
        reply = agent.ask("Hi", session_id="u1")
        with pytest.raises(RemoteFailureError, match="Slack tool"):
            list(agent.stream(["Hi", reply, "Close ticket 1"], session_id="u1"))
        assert len(server.requests) == 2


def test_a_last_frame_may_repeat_what_a_stop_sequence_held_back() -> None:
    frames = [
        frame({"conversationId": "c", "content": "the E", "done": False}),
        frame({"conversationId": "c", "content": "the Elephant", "done": True}),
    ]
    with serving([head(), *frames]) as server:
        assert client("maiagent", server, stop=["END"]).ask("Hi").text == "the Elephant"


REPEATED: dict[str, Callable[[str], Any]] = {
    "maiagent": lambda said: {"content": said, "done": True},
    "cloudbase": lambda said: {"type": "finish", "content": said, "finish_reason": "stop"},
    "bluenexus": lambda said: {
        "choices": [{"message": {"content": said}, "finish_reason": "stop"}]
    },
}


@pytest.mark.parametrize(
    ("said", "last", "rest"),
    [
        ("\nTwo words \n", "Two words", ""),
        ("\nTwo words \n", "\nTwo words", ""),
        ("\nTwo words \n", "Two words \n", ""),
        ("Bye", " Bye", " Bye"),
    ],
)
@pytest.mark.parametrize("endpoint", REPEATED)
def test_a_last_frame_may_repeat_all_without_the_blanks_around_it(
    endpoint: str, said: str, last: str, rest: str
) -> None:
    piece = {
        "maiagent": frame({"content": said, "done": False}),
        "cloudbase": frame({"type": "text", "content": said}),
        "bluenexus": delta(said),
    }
    with serving([head(), piece[endpoint], frame(REPEATED[endpoint](last))]) as server:
        assert client(endpoint, server).ask("Hi").text == said + rest


@pytest.mark.parametrize("amount", ["Infinity", "NaN", "-", "1e999"])
def test_odd_credits_are_no_failure(amount: str) -> None:
    script = [head(EVENTS, "200 OK", f"X-Credits-Remaining: {amount}"), delta("Hi"), DONE]
    with serving(script) as server:
        reply = client("bluenexus", server).ask("Hi")
    assert (reply.text, reply.credits_remaining) == ("Hi", None)


@each_kind
async def test_what_a_proxy_says_again_counts_once(kind: str) -> None:
    twice = ["X-Conversation-Id: c", "x-conversation-id: c", "X-Request-Id: r"]
    twice += ["X-Request-Id: r", "X-Credits-Remaining: 7", "X-Credits-Remaining: 7"]
    with serving([head(EVENTS, "200 OK", *twice), delta("Hi"), DONE]) as server:
        async with asking(kind, server) as asker:
            (*_, finish) = await asker.events()
    reply: Any = finish.reply
    assert (reply.conversation_id, reply.request_id, reply.credits_remaining) == ("c", "r", 7)


@pytest.mark.parametrize("endpoint", ["cloudbase", "cloudbase_openai"])
def test_half_a_frame_is_no_end(endpoint: str) -> None:
    whole = frame({"type": "text", "content": "ab "}) if endpoint == "cloudbase" else delta("ab ")
    error = failure(endpoint, head(), whole, whole[:-8])
    assert isinstance(error, StreamInterruptedError)
    assert error.partial == "ab "


def test_a_web_page_is_no_answer_to_a_call() -> None:
    page = b"<html><title>Sign in</title></html>"
    with serving([head("text/html", length=len(page)), page]) as server:
        with pytest.raises(StreamProtocolError, match="Sign in"):
            client("bluenexus", server).agents.get("default")
        with pytest.raises(StreamProtocolError, match="Sign in"):
            client("cloudbase", server).ask("Hi", session_id="u1")


def test_a_conversation_without_an_id_is_not_spoken_to() -> None:
    with serving([head(JSON, length=2), b"{}"]) as server:
        with pytest.raises(StreamProtocolError, match="no id"):
            client("cloudbase", server).ask("Hi", session_id="u1")
        assert len(server.requests) == 1


def test_a_first_turn_that_broke_off_leaves_its_conversation() -> None:
    begun = [head(EVENTS, "200 OK", "X-Conversation-Id: c1"), delta("He")]
    with serving([*begun], [head(), delta("Hello"), DONE]) as server:
        agent = client("bluenexus", server)
        with pytest.raises(StreamInterruptedError):
            agent.ask("Hi", session_id="broke-off")
        agent.ask("Again", session_id="broke-off")
        assert b'"conversationId":"c1"' in server.requests[1].replace(b": ", b":")


@pytest.mark.parametrize("limit", [0, -1, {"first_event": 0}, {"idle": -0.5}])
def test_a_limit_that_cannot_be_kept_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        remote_agents.BlueNexus(api_key="k", timeout=limit)
    assert Timeout(total=None).total is None


@pytest.mark.parametrize("prompt", [None, 5, [None], {"role": "user"}])
def test_what_is_no_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(AgentError, match="A message is"):
        remote_agents.BlueNexus(api_key="k").ask(prompt)
    with pytest.raises(ConfigurationError, match="stop is"):
        remote_agents.BlueNexus(api_key="k").ask("Hi", stop=5)
