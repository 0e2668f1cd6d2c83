"""Each service's own arguments: every class has them, and each reaches the request."""

import inspect
import re
import traceback
from typing import Any, ClassVar

import httpx
import pytest
from langchain_core.exceptions import ModelError
from pydantic import BaseModel, create_model

import langchain_agents
import llamaindex_agents
from langchain_agents import AgentLLM, ChatAgent
from llamaindex_agents import RemoteAgent
from remote_agents import BlueNexus, ConfigurationError, Message, UnsupportedContentError
from remote_agents.agent import Agent
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS, Endpoint
from remote_agents.settings import COMMON
from remote_agents.testing.ways import FRAMEWORKS, NAMES, class_of, make

CLASSES = [
    getattr(package, name.format(kind))
    for kind in NAMES.values()
    for package, name in (
        (langchain_agents, "Chat{}"),
        (langchain_agents, "{}LLM"),
        (llamaindex_agents, "{}"),
    )
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_has_a_field_for_each_of_its_services_arguments(kind: Any) -> None:
    facts = kind.endpoint
    assert {*facts.parameters, *facts.options} <= set(kind.model_fields)


@pytest.mark.parametrize("base", [ChatAgent, AgentLLM, RemoteAgent])
def test_a_class_without_the_field_is_told_from_a_typing_error(base: Any) -> None:
    class Bare(base):
        endpoint: ClassVar[Endpoint] = ENDPOINTS["private_ai"]

    with pytest.raises(ConfigurationError, match="takes 'top_p', but this class has no field"):
        Bare(agent_id="a", api_key="k", base_url="https://host.example", top_p=1)
    with pytest.raises(ConfigurationError, match="did you mean 'temperature'"):
        Bare(agent_id="a", api_key="k", base_url="https://host.example", temprature=1)


WRONG: dict[str, Any] = {
    "api_key": ["k-secret"],
    "default_headers": {"X-Key": ["k-secret"]},
    "extra_body": ["k-secret"],
    "session_store": "k-secret",
    "fold": "k-secret",
    "http_client": httpx.AsyncClient,
    "http_async_client": httpx.Client,
    "max_event_bytes": "many",
    "max_body_bytes": -1,
    "max_retries": "two",
    "memory": "mine",
    "base_url": 5,
    "agent_id": 5,
    "stop": [5],
    "temperature": "k-secret",
    "max_tokens": "k-secret",
    "coalesce": "k-secret",
    "streaming": "k-secret",
    "allow_http": "k-secret",
    "retry_unsafe": "k-secret",
    "account": 5,
    "account_secret": 5,
    "dialogue_keys": "names",
    "unknown_frames": "never",
    "rate_limit": 5,
    "rate_limit_storage": 5,
    "verify": 5,
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", list(WRONG))
def test_an_argument_of_the_wrong_kind_is_refused_by_name_and_not_quoted(
    framework: str, name: str
) -> None:
    value = WRONG[name]() if isinstance(WRONG[name], type) else WRONG[name]
    settings = {"agent_id": "a", "api_key": "k", "base_url": "https://host.example"}
    with pytest.raises(ConfigurationError, match=name) as caught:
        make(framework, "bluenexus", **{**settings, name: value})
    assert "k-secret" not in str(caught.value)
    assert "k-secret" not in repr(caught.value.__context__)
    assert caught.value.endpoint == "bluenexus"
    assert isinstance(caught.value, ModelError) == (framework == "langchain")


# One value of each kind that a mistake may be of; a right one for some arguments.
OF_EACH_KIND: dict[str, Any] = {
    "bytes": b"3",
    "bytearray": bytearray(b"3"),
    "certificates": "-----BEGIN CERTIFICATE-----",
    "bytes of certificates": b"-----BEGIN CERTIFICATE-----",
    "a word": "false",
    "a number in words": "3",
    "one": 1,
    "zero": 0,
    "no number": float("nan"),
    "a fraction": 2.5,
    "true": True,
    "nothing": None,
    "an empty text": "",
    "texts": ["a"],
    "bytes in a list": [b"a"],
    "numbers": [1],
    "a mapping": {"a": "b"},
    "bytes in a mapping": {"a": b"b"},
    "numbers for names": {1: "b"},
    "an object": object(),
    "a class": httpx.Client,
}
ARGUMENTS = [
    (service, name)
    for service, endpoint in ENDPOINTS.items()
    for name in class_of("plain", endpoint).argument_names()
    if service == "bluenexus" or name not in COMMON
]


@pytest.mark.parametrize(("service", "name"), ARGUMENTS)
@pytest.mark.filterwarnings("ignore:.* has no:UserWarning")
def test_every_face_says_the_same_of_a_value(service: str, name: str) -> None:
    faces = [*(class_of(face, ENDPOINTS[service]) for face in FRAMEWORKS)]
    faces.append(getattr(langchain_agents, f"{NAMES[service]}LLM"))
    for kind, value in OF_EACH_KIND.items():
        said = {face.__name__: _said_of(face, name, value) for face in faces}
        assert len(set(said.values())) == 1, (kind, said)


def _said_of(face: Any, name: str, value: Any) -> str:
    settings = {"agent_id": "a", "api_key": "k", "base_url": "https://host.example", name: value}
    try:
        agent = face(**settings).agent
    except ConfigurationError as error:
        return str(error)
    return repr((agent.options.get(name), getattr(agent, name, None)))


ARE_NO_TEXT = [
    ("verify", b"/etc/ssl/company.pem", r"verify is the path of .* as a text.*cadata="),
    ("verify", b"-----BEGIN CERTIFICATE-----", r"verify is the path of .*cadata="),
    ("verify", 1, "verify: it should be a valid boolean or a valid string"),
    ("allow_http", "false", "allow_http: it should be a valid boolean"),
    ("max_retries", "2", "max_retries: it should be a valid integer"),
    ("max_retries", True, "max_retries: it should be a valid integer"),
    ("max_tokens", 2.0, "max_tokens: it should be a valid integer"),
    ("temperature", "0.5", "temperature: it should be a valid number"),
    ("rate_limit", b"30/minute", r"rate_limit is a text.*\.decode\(\)"),
    ("default_headers", {"X-Key": b"v"}, r"default_headers.*\.decode\(\)"),
    ("timeout", {"idel": 1}, "A Timeout has .*, not idel"),
    ("agent_id", 5, "agent_id: it should be a valid string"),
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("name", "value", "said"), ARE_NO_TEXT)
def test_no_value_is_read_as_one_of_another_kind(
    framework: str, name: str, value: Any, said: str
) -> None:
    settings = {"agent_id": "a", "api_key": "k", "base_url": "https://host.example"}
    with pytest.raises(ConfigurationError, match=said):
        make(framework, "bluenexus", **{**settings, name: value})


@pytest.mark.parametrize("kind", [BlueNexus, *CLASSES])
@pytest.mark.parametrize("wrong", [{"temprature": 1}, {"timeout": "soon"}, {"max_retries": "two"}])
def test_arguments_that_a_model_of_ones_own_hands_on_are_refused_without_the_key(
    kind: Any, wrong: dict[str, Any]
) -> None:
    """As a ValueError it would be an error of Pydantic's that quotes them all."""
    application = create_model("Application", llm=(kind, ...))
    given = {"agent_id": "a", "api_key": "k-secret", **wrong}
    with pytest.raises(ConfigurationError) as caught:
        application(llm=given)
    assert "k-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("service", "name", "value", "advice"),
    [
        ("private_ai", "route", "nope", "'assistants' or 'agents'"),
        ("private_ai", "top_k", "many", "a valid integer"),
        ("private_ai", "response_format", 5, "a valid dictionary"),
        ("cloudbase", "search_enable", "perhaps", "a valid boolean"),
        ("cloudbase", "region", "nope", "'cn' or 'intl'"),
        ("maiagent", "query_metadata", 5, "a valid dictionary"),
    ],
)
def test_a_services_argument_of_the_wrong_kind_says_what_to_write(
    framework: str, service: str, name: str, value: Any, advice: str
) -> None:
    settings = {"agent_id": "a", "api_key": "k", "base_url": "https://host.example"}
    with pytest.raises(ConfigurationError, match=f"{name}: it should be .*{advice}"):
        make(framework, service, **settings, **{name: value})


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["agent_id", "api_key", "base_url", "env_id"])
def test_what_is_bytes_is_told_how_to_be_a_text(framework: str, name: str) -> None:
    settings: dict[str, Any] = {
        "agent_id": "a",
        "api_key": "k-secret",
        "base_url": "https://host.example",
        "env_id": "e",
    }
    with pytest.raises(ConfigurationError, match=rf"{name} is a text.*\.decode\(\)") as caught:
        make(framework, "cloudbase", **{**settings, name: settings[name].encode()})
    assert "k-secret" not in str(caught.value)
    assert caught.value.endpoint == "cloudbase"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_key_is_no_bytes_and_a_secret_for_seals_may_be(framework: str) -> None:
    settings = {"agent_id": "a", "base_url": "https://host.example"}
    with pytest.raises(ConfigurationError, match="api_key") as caught:
        make(framework, "bluenexus", api_key=b"k-secret", **settings)
    assert "k-secret" not in str(caught.value)
    sealing = b"\xff k-secret"
    model = make(framework, "bluenexus", api_key="k", account_secret=sealing, **settings)
    assert "k-secret" not in repr(vars(model))
    text = make(framework, "bluenexus", api_key="k", account_secret="k-secret", **settings)
    same = make(framework, "bluenexus", api_key="k", account_secret=b"k-secret", **settings)
    assert text.agent.seal_key() == same.agent.seal_key() != model.agent.seal_key()


@pytest.mark.parametrize("way", ["ask", "aask", "stream", "astream"])
@pytest.mark.parametrize(
    "asked",
    [
        {"prompt": "Hi", "attachments": [5]},
        {"prompt": "Hi", "attachments": 5},
        {"prompt": Message("user", "Hi", [5])},
        {"prompt": {"role": "user", "content": "Hi", "attachments": [5]}},
    ],
)
async def test_what_is_no_attachment_is_refused_before_anything_is_sent(
    sandbox: Sandbox, way: str, asked: dict[str, Any]
) -> None:
    client = make("plain", "maiagent", **sandbox.kwargs("maiagent"))

    async def ask() -> None:
        answer = getattr(client, way)(**asked)
        if way == "aask":
            await answer
        elif way == "astream":
            assert [event async for event in answer]
        else:
            assert list(answer)

    with pytest.raises(UnsupportedContentError, match="a list of Attachment"):
        await ask()
    assert sandbox.requests("maiagent") == []


def test_a_missing_argument_is_missed_by_the_public_method(sandbox: Sandbox) -> None:
    conversations = make("plain", "maiagent", **sandbox.kwargs("maiagent")).conversations
    with pytest.raises(TypeError, match=r"Conversations\.create\(\) missing .*'web_chat'"):
        conversations.create()


def test_help_shows_the_arguments_of_an_agent() -> None:
    shown = inspect.signature(Agent).parameters
    assert {"agent_id", "api_key", "base_url", "timeout", "memory"} <= shown.keys()


@pytest.mark.parametrize("built", [False, hasattr(BaseModel, "__pydantic_on_complete__")])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("service", ENDPOINTS)
def test_help_shows_the_arguments_of_a_class_with_plain_types(
    service: str, framework: str, built: bool, sandbox: Sandbox
) -> None:
    kind: Any = type("Mine", (class_of(framework, ENDPOINTS[service]),), {})
    if built:
        kind(**sandbox.kwargs(service))
    shown = inspect.signature(kind).parameters
    assert set(kind.argument_names()) <= shown.keys()
    assert list(kind.model_fields.keys() - shown.keys()) == []
    assert shown["agent_id"].annotation == "str | None"
    assert shown["timeout"].annotation == "float | Timeout | Any"
    assert shown["max_retries"].default == 2
    own = "".join(str(shown[name]) for name in kind.argument_names())
    assert not re.search("Strict|Annotated|SkipValidation|Undefined", own)
