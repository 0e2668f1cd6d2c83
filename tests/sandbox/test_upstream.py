import base64
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from remote_agents import AgentError, MaiAgent
from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.__main__ import main
from remote_agents.sandbox.completions import Piece
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.serving.wire import Refusal
from remote_agents.sandbox.upstream import Upstream
from tests.sandbox.calls import BOTH, PLAIN, Caller, text_of
from tests.sandbox.models import HOLD, ModelServer, Reply, as_json, chunk, events, serving

ASK = Ask([{"role": "user", "content": "Ahoy"}])


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ModelServer, Sandbox]]:
    with serving() as model, Sandbox(upstream=model.url, rate_limit=None) as box:
        yield model, box


@pytest.fixture
def model(running: tuple[ModelServer, Sandbox]) -> ModelServer:
    return running[0].reset()


@pytest.fixture
def call(running: tuple[ModelServer, Sandbox]) -> Iterator[Caller]:
    box = running[1]
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        yield Caller(box, http)


async def answered(upstream: Upstream) -> list[Piece]:
    return [piece async for piece in upstream.stream(ASK)]


async def refused(upstream: Upstream) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await answered(upstream)
    return caught.value


@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_a_model_can_stand_behind_it(
    model: ModelServer, call: Caller, endpoint: str, stream: bool
) -> None:
    assert call.ask(endpoint, "Ahoy", stream) == "tiny heard: Ahoy"


@pytest.fixture(scope="module")
def alone() -> Iterator[Sandbox]:
    """A sandbox whose model is not there."""
    with Sandbox(upstream="http://127.0.0.1:9/v1", rate_limit=None) as box:
        yield box


@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_a_model_that_is_not_there_is_named(alone: Sandbox, endpoint: str, stream: bool) -> None:
    with httpx.Client(base_url=alone.url, trust_env=False) as http:
        reply = Caller(alone, http).post(endpoint, "Ahoy", stream)
    assert reply.status_code == (200 if stream else 502)
    assert "The upstream http://127.0.0.1:9/v1 failed: " in reply.text


# --- answers that are none ----------------------------------------------------------------------

PAGE = Reply(b"<!doctype html><p>Please sign in.</p>", "text/html; charset=utf-8")
CRASHED = {"error": {"message": "The model crashed", "code": 500}}
BROKEN: dict[str, tuple[Reply, str]] = {
    "an error": (events("One ", "two ", CRASHED), "The model crashed"),
    "an error as text": (events("One ", {"error": "The model crashed"}), "The model crashed"),
    "no end": (events("One ", "two ", done=False), "its stream ended before the answer did"),
    "not ended": (events(chunk("One", "continue"), done=False), "its stream ended before"),
    "nothing": (events(done=False), "something"),
    "a page": (PAGE, "it answered with text/html that is no stream"),
    "null": (events("One ", None), "an event that is no object"),
    "a list": (events("One ", []), "an event that is no object"),
    "no choice": (events("One ", {"choices": [None]}), "choices are no list of objects"),
    "no list": (events("One ", {"choices": {"0": 1}}), "choices are no list of objects"),
    "no text": (events("One ", chunk([{"type": "image_url"}])), "content that is no text"),
    "no JSON": (events("One ", b"{oops"), "what it sent is no JSON"),
    "an error at once": (as_json(CRASHED), "The model crashed"),
    "JSON of another kind": (as_json({"ok": True}), "JSON that is no chat completion"),
    "a refusal": (as_json({"error": {"message": "No such key"}}, 401), "401: No such key"),
    "a plain refusal": (Reply(b"404 page not found", "text/plain", 404), "404: 404 page not"),
    "a refusing page": (PAGE._replace(status=500), "it answered 500"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_a_broken_answer_is_none(
    model: ModelServer, call: Caller, endpoint: str, stream: bool, kind: str
) -> None:
    model.answer, said = BROKEN[kind]
    if kind == "nothing":
        model.answer = Reply(b"", "")
    reply = call.post(endpoint, "Ahoy", stream)
    assert reply.status_code == (200 if stream else 502)
    assert f"The upstream {model.url} failed: " in reply.text
    assert said in reply.text
    if stream and b"One " in model.answer.body:
        assert '"One ' in reply.text
    assert "Please sign in" not in reply.text


@pytest.mark.parametrize("kind", ["an error", "no end"])
async def test_a_client_does_not_take_it_for_whole(
    running: tuple[ModelServer, Sandbox], model: ModelServer, kind: str
) -> None:
    model.answer, said = BROKEN[kind]
    agent = MaiAgent(**running[1].kwargs("maiagent"))
    with pytest.raises(AgentError, match=said) as streamed:
        list(agent.stream("Ahoy"))
    with pytest.raises(AgentError, match=said):
        await agent.aask("Ahoy")
    assert streamed.value.partial == "One two "


WHOLE = {
    "at once": as_json({"choices": [{"message": {"content": "One\u2028two"}}]}),
    "in parts": events(chunk([{"type": "text", "text": "One\u2028"}, "two"])),
    "with tokens": events("One\u2028two", {"choices": [], "usage": {"total_tokens": 9}}),
    "as it is": events(json.dumps(chunk("One\u2028two"), ensure_ascii=False).encode()),
    "without [DONE]": events("One\u2028", chunk("two", "stop"), chunk(None), done=False),
    "as CloudBase": events(chunk("One\u2028", "continue"), chunk("two", "stop")),
    "of no type": events("One\u2028two")._replace(kind=""),
    "that does not end": events("One\u2028two")._replace(headers=(("content-length", "9999"),)),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_a_whole_answer_is_read_in_whichever_form(
    model: ModelServer, call: Caller, endpoint: str, stream: bool, kind: str
) -> None:
    model.answer = WHOLE[kind]
    assert call.ask(endpoint, "Ahoy", stream) == "One\u2028two"


TELLS = [
    (e, s) for e, s in BOTH if e not in ("ag_ui", "maiagent") and (e, s) != ("bluenexus", True)
]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(("endpoint", "stream"), TELLS)
def test_why_an_answer_ends_is_passed_on(
    model: ModelServer, call: Caller, endpoint: str, stream: bool, at_once: bool
) -> None:
    cut = {"message": {"content": "One"}, "finish_reason": "length"}
    model.answer = as_json({"choices": [cut]}) if at_once else events(chunk("One", "length"))
    reply = call.post(endpoint, "Ahoy", stream)
    assert text_of(reply) == "One"
    assert '"finish_reason":"length"' in reply.text


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_when_to_come_again_is_passed_on(
    model: ModelServer, call: Caller, endpoint: str, stream: bool, status: int
) -> None:
    error = {"error": {"message": "slow down"}}
    model.answer = as_json(error, status, ("retry-after", "7"))
    reply = call.post(endpoint, "Ahoy", stream)
    assert f"it answered {status}: slow down" in reply.text
    if endpoint in PLAIN and not stream:
        assert (reply.status_code, reply.headers["retry-after"]) == (status, "7")


@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_a_client_that_leaves_before_the_first_word_is_answered_no_more(
    model: ModelServer, call: Caller, endpoint: str, stream: bool
) -> None:
    call.box.reset()
    model.answer = HOLD
    body, headers = call.body(endpoint, "Ahoy", stream), call.headers(endpoint)
    with pytest.raises(httpx.ReadTimeout):
        call.http.post(call.path(endpoint), json=body, headers=headers, timeout=2)
    assert model.left.wait(10)
    assert [each["outcome"] for each in call.box.requests()] == ["disconnected"]


# --- its model ----------------------------------------------------------------------------------


async def test_a_model_that_was_loading_is_found_later(model: ModelServer) -> None:
    upstream, listed = Upstream(model.url), model.listed
    model.listed = as_json({"error": {"message": "Loading model"}}, 503, ("retry-after", "1"))
    refusal = await refused(upstream)
    assert (refusal.status, refusal.headers) == (503, {"retry-after": "1"})
    assert "it answered 503: Loading model" in refusal.message
    model.listed = listed
    for _ in range(2):
        assert (await answered(upstream))[0].text == "tiny"
    assert [path for path in model.seen if "models" in path] == ["/v1/models"] * 2


async def test_a_model_that_was_exchanged_is_found_after_an_error(model: ModelServer) -> None:
    upstream = Upstream(model.url)
    await answered(upstream)
    model.listed, model.answer = as_json({"data": [{"id": "large"}]}), as_json(CRASHED, 404)
    await refused(upstream)
    model.answer = None
    assert (await answered(upstream))[0].text == "large"


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (as_json({}, 404), "default"),
        (as_json(["m1"]), "m1"),
        (as_json({"data": ["m1", "m2"]}), "m1"),
        (as_json({"data": []}), None),
        (as_json({"data": [{"id": 3}]}), None),
        (PAGE, None),
    ],
)
async def test_the_first_that_is_listed_is_asked(
    model: ModelServer, listed: Reply, asked: str | None
) -> None:
    model.listed = listed
    if asked is None:
        assert "name one with --upstream-model" in (await refused(Upstream(model.url))).message
    else:
        assert (await answered(Upstream(model.url)))[0].text == asked
    assert model.models == ([asked] if asked else [])


async def test_a_model_that_is_named_is_asked(model: ModelServer) -> None:
    assert (await answered(Upstream(model.url, "mine")))[0].text == "mine"
    assert model.seen == ["/v1/chat/completions"]


@pytest.mark.parametrize("tls", [False, True])
def test_another_sandbox_can_be_the_model(tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with Sandbox(rate_limit=None, tls=tls) as behind:
        known = behind.kwargs("cloudbase_openai")
        monkeypatch.setenv("OPENAI_API_KEY", known["api_key"])
        if tls:
            monkeypatch.setenv("SSL_CERT_FILE", known["verify"])
        address, agent = f"{behind.url}/v1/aibot/openai", known["agent_id"]
        with Sandbox(rate_limit=None, upstream=address, upstream_model=agent) as box:
            answer = MaiAgent(**box.kwargs("maiagent")).ask("How many vacation days do I get?")
    assert "25 vacation days" in answer.text


# --- its secrets and the way to it --------------------------------------------------------------


async def test_a_key_is_sent_without_what_surrounds_it(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123\n")
    await answered(Upstream(model.url))
    assert set(model.keys) == {"Bearer sk-secret-123"}
    model.answer = as_json({"error": "Your key sk-secret-123 is wrong"}, 401)
    assert "Your key *** is wrong" in (await refused(Upstream(model.url))).message


async def test_a_password_in_the_address_is_sent_and_not_shown(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
    upstream = Upstream(model.url.replace("://", "://bob:pa55%40rd@"))
    await answered(upstream)
    assert set(model.keys) == {f"Basic {base64.b64encode(b'bob:pa55@rd').decode()}"}
    model.answer = as_json({"error": f"not {model.keys[0]}, bob and pa55@rd"}, 401)
    message = (await refused(upstream)).message
    assert (
        message == f"The upstream {model.url} failed: it answered 401: not Basic ***, bob and ***"
    )


SECRET = "pa55w0rd"
STARTS: dict[str, tuple[list[str], dict[str, str], str]] = {
    "no scheme": (["--upstream=a.test/v1"], {}, "begins with http"),
    "half an address": (["--upstream=http://[::1/v1"], {}, "begins with http"),
    "no port": (["--upstream=http://a.test:99999/v1"], {}, "begins with http"),
    "a query": ([f"--upstream=http://b:{SECRET}@a.test/v1?a=b"], {}, "//...@a.test/v1?a=b"),
    "a model alone": (["--upstream-model=m1"], {}, "that --upstream names"),
    "a key": (["--upstream=http://a.test"], {"OPENAI_API_KEY": f"{SECRET}é"}, "OPENAI_API_KEY"),
    "two keys": (["--upstream=http://a"], {"OPENAI_API_KEY": f"{SECRET}\n2"}, "OPENAI_API_KEY"),
    "a proxy": (["--upstream=http://a"], {"HTTP_PROXY": f"ftp://b:{SECRET}@c"}, "the proxy"),
    "an authority": (["--upstream=http://a"], {"SSL_CERT_FILE": "/no/such"}, "SSL_CERT_FILE"),
}


@pytest.mark.parametrize("kind", STARTS)
def test_what_it_cannot_be_asked_with_is_told_at_start(
    kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options, environment, said = STARTS[kind]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    try:
        code = main(["--port=0", *options])
    except SystemExit as end:  # argparse
        code = end.code
    out, err = capsys.readouterr()
    assert code == 2
    assert "--upstream" in err.splitlines()[-1]
    assert said in err.splitlines()[-1]
    assert SECRET not in out + err


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies that are not there, as in a run that must not leave the machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_is_asked_directly(model: ModelServer, nowhere: None, host: str) -> None:
    assert (await answered(Upstream(model.url.replace("127.0.0.1", host))))[0].text == "tiny"


async def test_another_machine_is_asked_through_the_proxy(
    model: ModelServer, nowhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", model.url.removesuffix("/v1"))
    assert (await answered(Upstream("http://model.test/v1")))[0].text == "tiny"
    assert model.seen[0] == "http://model.test/v1/models"


async def test_an_authority_that_is_not_needed_is_not_read(
    model: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    assert (await answered(Upstream(model.url)))[0].text == "tiny"
