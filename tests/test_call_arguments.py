"""What one call may say, on every surface, and what is said of what it may not."""

import json
from typing import Any

import pytest

from langchain_agents import ChatBlueNexus
from remote_agents import (
    ENDPOINTS,
    Attachment,
    BlueNexus,
    ConfigurationError,
    MaiAgent,
    Timeout,
    UnsupportedContentError,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way, make
from tests.raw_server import HOLD, JSON, head, serving
from tests.transports import DONE, delta

REPLY = json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]})
WHOLE = [head(JSON, length=len(REPLY)), REPLY.encode()]
STREAM = [head(length=len(delta("Hello") + DONE)), delta("Hello") + DONE]
SURFACES = (*FRAMEWORKS, "LLM", "complete")
every_surface = pytest.mark.parametrize("surface", SURFACES)


async def ask(surface: str, url: str, *, awaited: bool, streamed: bool, **call: Any) -> None:
    settings = {"base_url": url, "api_key": "k", "max_retries": 0}
    if surface == "LLM":
        import langchain_agents

        model: Any = langchain_agents.BlueNexusLLM(**settings)
    else:
        model = make("llamaindex" if surface == "complete" else surface, "bluenexus", **settings)
    names = {
        "plain": ("ask", "stream"),
        "langchain": ("invoke", "stream"),
        "LLM": ("invoke", "stream"),
        "llamaindex": ("chat", "stream_chat"),
        "complete": ("complete", "stream_complete"),
    }
    prompt: Any = "Hi"
    if surface == "llamaindex":
        from llama_index.core.llms import ChatMessage

        prompt = [ChatMessage("Hi")]
    answer = getattr(model, "a" * awaited + names[surface][streamed])(prompt, **call)
    if awaited and hasattr(answer, "__await__"):
        answer = await answer
    if streamed and awaited:
        async for _ in answer:
            pass
    elif streamed:
        list(answer)


@every_surface
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ["headers", "extra_headers"])
async def test_headers_and_fields_of_one_call(
    surface: str, awaited: bool, streamed: bool, name: str
) -> None:
    call = {name: {"X-Tenant": "t1", "accept": "x/y"}, "extra_body": {"metadata": {"a": 1}}}
    with serving(STREAM if streamed else WHOLE) as server:
        await ask(surface, server.url, awaited=awaited, streamed=streamed, **call)
        await ask(surface, server.url, awaited=awaited, streamed=streamed)
    first, second = server.requests
    top, _, body = first.partition(b"\r\n\r\n")
    assert b"\r\nx-tenant: t1" in top.lower()
    assert top.lower().count(b"\r\naccept:") == 1
    assert json.loads(body)["metadata"] == {"a": 1}
    assert json.loads(body)["messages"]
    assert b"x-tenant" not in second.lower()
    assert b"metadata" not in second


@every_surface
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Trailer", "Upgrade"])
async def test_a_header_that_frames_the_body_is_refused_by_name(
    surface: str, awaited: bool, name: str
) -> None:
    told = pytest.raises(ConfigurationError, match=f"Leave {name} out of headers")
    with serving([HOLD]) as server, told:
        await ask(surface, server.url, awaited=awaited, streamed=False, headers={name: "17"})
    assert server.requests == []
    with pytest.raises(ConfigurationError, match=f"Leave {name} out of default_headers"):
        BlueNexus(api_key="k", default_headers={name: "17"})


@every_surface
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("limit", [0.2, Timeout(first_event=0.2)])
async def test_the_time_limit_of_one_call(surface: str, awaited: bool, limit: Any) -> None:
    with serving([HOLD]) as server:
        with pytest.raises(Exception, match=r"0\.2 s") as failed:
            await ask(surface, server.url, awaited=awaited, streamed=True, timeout=limit)
        assert type(failed.value).__name__ == "AgentTimeoutError"


def test_extra_body_adds_to_what_is_nested(sandbox: Sandbox) -> None:
    given = {"message": {"metadata": {"zone": "UTC"}}}
    agent = MaiAgent(**sandbox.kwargs("maiagent"), extra_body=given)
    agent.ask("How many vacation days do I get?", extra_body={"message": {"metadata": {"b": 2}}})
    agent.ask("How many vacation days do I get?")
    first, second = (r["body"]["message"] for r in sandbox.requests("maiagent")[-2:])
    assert first["content"] == "How many vacation days do I get?"
    assert first["metadata"] == {"zone": "UTC", "b": 2}
    assert second["metadata"] == {"zone": "UTC"}


HARMLESS: list[dict[str, Any]] = [
    {"stream": True},
    {"stream": False},
    {"stream_usage": True},
    {"n": 1},
    {"parallel_tool_calls": False},
    {"strict": True},
    {"tool_choice": None},
    {"stream_options": {"include_usage": True}},
    {"user": None},
    {"suggest": False},
    {"resume": None},
]


@every_surface
@pytest.mark.parametrize("call", HARMLESS, ids=str)
async def test_what_an_agent_has_no_use_for_does_no_harm(
    surface: str, call: dict[str, Any]
) -> None:
    with serving(WHOLE) as server:
        await ask(surface, server.url, awaited=False, streamed=False, **call)
    body = json.loads(server.requests[0].partition(b"\r\n\r\n")[2])
    assert body.pop("stream", False) is (surface == "langchain" and call.get("stream", False))
    assert not call.keys() & body.keys()


REFUSED = {
    "default_headers": "did you mean 'headers'",
    "session": "did you mean 'session_id'",
    "thread_id": "did you mean 'session_id'",
    "dialogue": "did you mean 'session_id'",
    "max_retries": "in its constructor, not in a call; a call takes",
    "api_key": "in its constructor, not in a call",
    "model": "takes 'agent_id' in its constructor",
    "top_p": "has no top_p: leave it out",
    "verify_ssl": "takes 'verify' in its constructor",
    "chatbot_id": "takes 'agent_id' in its constructor",
    "proxies": "set HTTPS_PROXY",
    "system_prompt": "as a system message",
    "temprature": "did you mean 'temperature'",
    "suggest": "has no argument of a call 'suggest'; valid are",
}


@every_surface
@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_names_what_a_call_takes(surface: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await ask(surface, "http://127.0.0.1:9", awaited=False, streamed=False, **{name: "x"})
    stateless = surface == "LLM" and name == "thread_id"
    assert ("thread_id" if stateless else REFUSED[name]) in str(refused.value)
    assert "base_url" not in str(refused.value)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("cloudbase", {"env_id": "another"}),
        ("cloudbase", {"region": "intl"}),
        ("cloudbase", {"dialect": "ag-ui"}),
        ("cloudbase_openai", {"env_id": "another"}),
        ("cloudbase_openai", {"region": "intl"}),
        ("maiagent", {"root": "/api/v1"}),
    ],
    ids=str,
)
async def test_no_call_is_believed_to_go_elsewhere(
    sandbox: Sandbox, service: str, said: dict[str, str], framework: str, streamed: bool
) -> None:
    way = Way(framework, service, streamed=streamed, awaited=True, **sandbox.kwargs(service))
    with pytest.raises(ConfigurationError, match="in its constructor, not in a call"):
        await way.ask("Hi", **said)
    assert sandbox.requests() == []


GIVEN: list[dict[str, Any]] = [
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    {"state": {"page": 1}},
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("given", GIVEN, ids=str)
async def test_a_classic_agent_takes_no_tools_and_no_state(
    sandbox: Sandbox, framework: str, given: dict[str, Any]
) -> None:
    way = Way(framework, "cloudbase", streamed=False, awaited=True, **sandbox.kwargs("cloudbase"))
    with pytest.raises(ConfigurationError, match=r"no argument of a call|its own tools"):
        await way.ask("Hi", **given)
    assert sandbox.requests() == []


@pytest.mark.parametrize("surface", [surface for surface in SURFACES if surface != "plain"])
async def test_a_framework_is_told_where_files_go(surface: str) -> None:
    with pytest.raises(ConfigurationError, match="'attachments': put image, audio or file blocks"):
        await ask(surface, "http://127.0.0.1:9", awaited=False, streamed=False, attachments=[])


@pytest.mark.parametrize("service", ENDPOINTS)
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_no_message_is_told_alike(
    sandbox: Sandbox, framework: str, awaited: bool, streamed: bool, service: str
) -> None:
    way = Way(framework, service, streamed=streamed, awaited=awaited, **sandbox.kwargs(service))
    files = [Attachment("file", data=b"x")]
    for call in ({}, {"attachments": files}) if framework == "plain" else ({},):
        with pytest.raises(UnsupportedContentError, match="There is no message to send"):
            await way.send([], **call)
    assert sandbox.requests() == []


@pytest.mark.parametrize("prompt", [b"Hi", [b"Hi"]])
def test_bytes_are_no_text(prompt: Any) -> None:
    with pytest.raises(UnsupportedContentError, match="not bytes: decode it first"):
        BlueNexus(api_key="k").ask(prompt)


def test_no_call_changes_whose_key_it_is() -> None:
    agent = BlueNexus(api_key="k")
    with pytest.raises(ConfigurationError, match="function as api_key") as refused:
        agent.ask("Hi", headers={"authorization": "Bearer secret-of-another"})
    assert "secret-of-another" not in str(refused.value)


CONSTRUCTED = {
    "headers": "did you mean 'default_headers'",
    "apikey": "did you mean 'api_key'",
    "top_p": "has no top_p",
    "session": "in a call, not in its constructor",
    "retries": "did you mean 'max_retries'",
    "base": "did you mean 'base_url'",
    "verify_ssl": "did you mean 'verify'",
    "chat_id": "in a call, not in its constructor",
    "proxy": "set HTTPS_PROXY",
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", CONSTRUCTED)
def test_a_refusal_names_what_a_constructor_takes(framework: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make(framework, "bluenexus", api_key="k", **{name: "x"})
    said = str(refused.value)
    fields = {"llamaindex": "did you mean 'session_id'"} if name == "session" else {}
    assert fields.get(framework, CONSTRUCTED[name]) in said


SLIPS: dict[str, tuple[dict[str, Any], str]] = {
    "Bearer": ({"api_key": "Bearer abcdef"}, "begins with 'Bearer'"),
    "the head of the path": ({"base_url": "https://a.example/api/v1"}, "'https://a.example'"),
    "the whole path": (
        {"base_url": "https://a.example/x/api/v1/agents/b/chat/completions"},
        "'https://a.example/x'",
    ),
    "a certificate": ({"verify": "-----BEGIN CERTIFICATE-----\nMII"}, "path of a file"),
    "a mapping": ({"verify": {}}, "verify"),
    "two agents": ({"model": "a", "agent_id": "b"}, "another name of agent_id"),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_answered_with_what_to_write(framework: str, slip: str) -> None:
    settings, said = SLIPS[slip]
    with pytest.raises(ConfigurationError, match=said) as refused:
        make(framework, "bluenexus", **{"api_key": "k", **settings})
    assert "abcdef" not in str(refused.value)


@pytest.mark.parametrize("path", ["/api", "/api/v1/", "/api/v1/chatbots/a/completions/"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_root_of_a_service_is_known_in_an_address(framework: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match=r"root, 'https://a\.example/x'"):
        make(
            framework, "maiagent", api_key="k", agent_id="a", base_url=f"https://a.example/x{path}"
        )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_model_is_another_name_of_the_agent(framework: str) -> None:
    model = make(framework, "bluenexus", api_key="k", model="agent-7")
    assert model.agent.agent_id == model.agent_id == "agent-7"


@pytest.mark.parametrize("kind", [BlueNexus, ChatBlueNexus])
def test_arguments_have_names(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="api_key="):
        kind("sk-1234")


def test_secrets_of_a_call_are_in_no_trace() -> None:
    from langchain_core.callbacks import BaseCallbackHandler

    seen: list[str] = []

    class Trace(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            seen.append(repr((args, kwargs)))

    secret = {"X-Secret": "s3cr3t"}
    with serving(WHOLE) as server:
        model = ChatBlueNexus(base_url=server.url, api_key="k")
        bound = model.bind(extra_body={"token": "s3cr3t"})
        bound.invoke("Hi", config={"callbacks": [Trace()]}, headers=secret)
    assert b"s3cr3t" in server.requests[0]
    assert seen
    assert "s3cr3t" not in f"{seen}{bound!r}"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_ignored_is_said_at_the_callers_line(framework: str) -> None:
    with pytest.warns(UserWarning, match="has no temperature") as first:
        make(framework, "maiagent", api_key="k", agent_id="a", temperature=0.1)
    with pytest.warns(UserWarning, match="has no temperature") as second:
        make(framework, "maiagent", api_key="k", agent_id="a", temperature=0.9)
    lines = [(told.filename, told.lineno) for told in (first[0], second[0])]
    assert [name for name, _ in lines] == [__file__, __file__]
    assert lines[0] != lines[1]
