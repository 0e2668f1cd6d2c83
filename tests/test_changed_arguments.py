"""An argument of a model that is changed: it takes effect, or it is refused and nothing changes."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.runnables import ConfigurableField
from pydantic import SecretStr

import langchain_agents
import llamaindex_agents
import remote_agents
from remote_agents import AgentStatusError, ConfigurationError
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, NAMES, Way, asked

FACES: dict[str, Callable[[str], Any]] = {
    "chat": lambda service: getattr(langchain_agents, f"Chat{NAMES[service]}"),
    "text": lambda service: getattr(langchain_agents, f"{NAMES[service]}LLM"),
    "llamaindex": lambda service: getattr(llamaindex_agents, NAMES[service]),
}
every_face = pytest.mark.parametrize("face", FACES)
every_service = pytest.mark.parametrize("service", ENDPOINT_NAMES)
CLOUDBASE = ("cloudbase", "cloudbase_openai")
ENVIRONMENTS = pytest.mark.parametrize("service", CLOUDBASE)
OTHER_NAME = [name for name in ENDPOINT_NAMES if name != "private_ai"]


def assigned(model: Any, /, **new: Any) -> Any:
    for name, value in new.items():
        setattr(model, name, value)
    return model


def copied(model: Any, /, **new: Any) -> Any:
    return model.model_copy(update=new)


def copied_deeply(model: Any, /, **new: Any) -> Any:
    return model.model_copy(update=new, deep=True)


def pickled(model: Any, /, **new: Any) -> Any:
    return assigned(pickle.loads(pickle.dumps(model)), **new)


def deeply(model: Any, /, **new: Any) -> Any:
    return assigned(copy.deepcopy(model), **new)


def configured(model: Any, /, **new: Any) -> Any:
    """As LangChain's users choose an argument in the config of a call."""
    fields = {name: ConfigurableField(id=f"the_{name}") for name in new}
    config = {"configurable": {f"the_{name}": value for name, value in new.items()}}
    return model.configurable_fields(**fields).prepare(config)[0]


def configured_elsewhere(model: Any, /, **new: Any) -> Any:
    return configured(pickle.loads(pickle.dumps(model)), **new)


def dumped(model: Any, /, **new: Any) -> Any:
    if hasattr(model, "from_dict"):
        return type(model).from_dict(model.to_dict(), api_key="k", **new)
    return type(model)(**{**model.model_dump(), "api_key": "k", **new})


CHANGES = (assigned, copied, copied_deeply, pickled, deeply)
every_change = pytest.mark.parametrize("change", CHANGES)
in_every_way = pytest.mark.parametrize(
    ("face", "change"),
    [(face, change) for face in FACES for change in (*CHANGES, dumped)]
    + [(face, way) for face in ("chat", "text") for way in (configured, configured_elsewhere)],
)


# --- what was derived is no argument -------------------------------------------------------------


ANOTHER: list[tuple[dict[str, Any], str]] = [
    ({"env_id": "tenant-b"}, "tenant-b.api.tcloudbasegateway.com"),
    ({"region": "intl"}, "tenant-a.api.intl.tcloudbasegateway.com"),
    ({"base_url": "https://mine.example"}, "mine.example"),
    ({"timeout": 5.0}, "tenant-a.api.tcloudbasegateway.com"),
]


@in_every_way
@ENVIRONMENTS
@pytest.mark.parametrize("said_by", ["argument", "environment"])
def test_another_environment_is_asked(
    face: str, change: Any, service: str, said_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"env_id": "tenant-a"} if said_by == "argument" else {}
    for new, host in ANOTHER:
        if not named:
            monkeypatch.setenv("CLOUDBASE_ENV_ID", "tenant-a")
        model = FACES[face](service)(agent_id="bot-1", api_key="k", **named)
        assert model.base_url == "https://tenant-a.api.tcloudbasegateway.com"
        if change is not dumped:
            monkeypatch.delenv("CLOUDBASE_ENV_ID", raising=False)  # as in another process
        changed = change(model, **new)
        assert changed.base_url == changed.agent.base_url == f"https://{host}"


@pytest.mark.parametrize("framework", ["langchain", "llamaindex"])
@ENVIRONMENTS
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("change", [assigned, copied])
def test_its_host_gets_the_key(
    framework: str, service: str, streamed: bool, awaited: bool, change: Any
) -> None:
    hosts: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(401, json={"code": "INVALID_CREDENTIALS", "message": "no"})

    transport = httpx.MockTransport(respond)
    clients = {
        "http_client": httpx.Client(transport=transport),
        "http_async_client": httpx.AsyncClient(transport=transport),
    }
    known = {"env_id": "tenant-a", "agent_id": "bot-1", "api_key": "k"}
    way = Way(framework, service, streamed=streamed, awaited=awaited, **known)
    way.model = change(change(way.model, **clients), env_id="tenant-b")
    with pytest.raises(AgentStatusError):
        asked(way, "Hi")
    assert hosts == ["tenant-b.api.tcloudbasegateway.com"]


@every_face
@every_change
@every_service
def test_a_copy_needs_no_environment(
    sandbox: Sandbox, face: str, change: Any, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = sandbox.agents[service]["env"]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    model = FACES[face](service)()
    for name in variables:
        monkeypatch.delenv(name)
    changed = change(model, max_retries=7)
    assert changed.agent.name == model.agent.name
    assert changed.agent.max_retries == 7
    assert type(changed.base_url) is str
    assert type(changed.agent_id) is str


@every_face
@ENVIRONMENTS
def test_what_is_read_from_one_is_an_argument_of_another(face: str, service: str) -> None:
    kind = FACES[face](service)
    one = kind(env_id="tenant-a", agent_id="bot-1", api_key="k")
    other = kind(base_url=one.base_url, agent_id=one.agent_id, api_key="k")
    assert other.agent.name == one.agent.name
    assert assigned(other, env_id="tenant-b").base_url == one.base_url


# --- the other name of agent_id ----------------------------------------------------------------


@in_every_way
@pytest.mark.parametrize("service", OTHER_NAME)
def test_the_other_name_sets_the_agent(
    sandbox: Sandbox, face: str, change: Any, service: str
) -> None:
    settings = {**sandbox.kwargs(service), "agent_id": None}
    for by in ("agent_id", "model"):
        model = FACES[face](service)(**{**settings, by: "first"})
        if change is dumped:  # it names the agent by agent_id
            assert change(model).agent_id == "first"
            continue
        changed = change(model, model="other")
        assert (changed.agent_id, changed.agent.agent_id, changed.model) == ("other", "other", None)
        again = change(changed, model="third")
        assert again.agent.agent_id == "third"
        assert change(again, agent_id="fourth").agent.agent_id == "fourth"


def test_both_names_at_once_are_refused() -> None:
    model = langchain_agents.ChatBlueNexus(api_key="k", agent_id="one")
    with pytest.raises(ConfigurationError, match="pass agent_id alone"):
        model.model_copy(update={"model": "two", "agent_id": "three"})
    field = ConfigurableField(id="x")
    with pytest.raises(ConfigurationError, match="make one of them configurable"):
        model.configurable_fields(model=field, agent_id=field)


def test_a_model_of_the_services_own_stays_one(sandbox: Sandbox) -> None:
    model = langchain_agents.ChatPrivateAI(**sandbox.kwargs("private_ai"))
    model.model = "other"
    assert model.model == "other"
    assert model.agent.agent_id == sandbox.kwargs("private_ai")["agent_id"]


# --- what an agent can do ------------------------------------------------------------------------


@pytest.mark.parametrize("change", [*CHANGES, configured, configured_elsewhere])
def test_the_profile_is_that_of_the_agent(change: Any) -> None:
    model = langchain_agents.ChatCloudBase(env_id="e", api_key="k", agent_id="agent-handbook")
    for agent_id, takes_tools in (("agent-other", True), ("bot-1", False), ("agent-1", True)):
        model = change(model, agent_id=agent_id)
        assert model.profile["tool_calling"] is takes_tools
        assert model.agent.endpoint.tools is takes_tools
    mine = {**model.profile, "max_input_tokens": 5}
    for changed in (change(model, profile=mine), change(change(model, profile=mine), timeout=3.0)):
        assert changed.profile == mine


# --- one that is refused -------------------------------------------------------------------------

REFUSED = [
    ("timeout", "abc", "A time limit"),
    ("max_retries", "two", "max_retries: it should be a valid integer"),
    ("memory", "foo", "memory: it should be"),
    ("base_url", "http://plain.example", "unencrypted"),
    ("api_key", "not a\nkey", "characters that no key has"),
    ("default_headers", {"Content-Length": "1"}, "Leave Content-Length out"),
    ("temprature", 1.0, "did you mean 'temperature'"),
]


@every_face
@every_service
@pytest.mark.parametrize("change", [assigned, copied])
def test_a_refused_change_leaves_all_as_it_was(
    sandbox: Sandbox, face: str, service: str, change: Any
) -> None:
    model = FACES[face](service)(**sandbox.kwargs(service))
    before, agent = dict(vars(model)), model.agent
    for name, value, said in REFUSED:
        with pytest.raises(ConfigurationError, match=said) as caught:
            change(model, **{name: value})
        assert vars(model) == before
        assert model.agent is agent
        if face != "llamaindex":
            assert type(caught.value).__module__.startswith("langchain_agents")
    assert assigned(model, max_retries=1).agent.max_retries == 1
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert again.agent.name == agent.name


@pytest.mark.parametrize(("name", "value"), [("session_id", 5), ("context_window", "wide")])
def test_llamaindex_checks_what_it_takes_beside_them(name: str, value: Any) -> None:
    llm = llamaindex_agents.BlueNexus(api_key="k")
    before, agent = dict(vars(llm)), llm.agent
    with pytest.raises(ConfigurationError, match=name):
        setattr(llm, name, value)
    assert vars(llm) == before
    llm.session_id = "alice"
    assert llm.agent is agent


def test_a_subclass_with_a_constructor_of_its_own_changes_too() -> None:
    class Ours(langchain_agents.ChatBlueNexus):
        def __init__(self, tenant: str) -> None:
            super().__init__(api_key=f"key-of-{tenant}")

    model = assigned(Ours("a"), max_retries=4)
    assert model.agent.max_retries == 4
    assert copied(model, agent_id="other").agent.agent_id == "other"


# --- secrets -----------------------------------------------------------------------------------


@every_face
@pytest.mark.parametrize("change", [assigned, copied])
def test_no_frame_of_a_refused_change_shows_the_key(face: str, change: Any) -> None:
    model = FACES[face]("bluenexus")(api_key="k")
    with pytest.raises(ConfigurationError) as caught:
        change(model, api_key="a-secret\n")
    frames = list(traceback.walk_tb(caught.value.__traceback__))[2:]
    assert frames
    assert "a-secret" not in str([frame.f_locals for frame, _ in frames])


@every_face
@every_service
@every_change
def test_a_changed_secret_is_hidden(sandbox: Sandbox, face: str, service: str, change: Any) -> None:
    model = FACES[face](service)(**sandbox.kwargs(service))
    for name in ("api_key", "account_secret"):
        changed = change(model, **{name: "a-secret"})
        assert type(getattr(changed, name)) is SecretStr
        assert getattr(changed, name).get_secret_value() == "a-secret"
        assert "a-secret" not in f"{vars(changed)} {changed.__getstate__()} {changed!r}"
        again = pickle.loads(pickle.dumps(changed))
        assert type(getattr(again, name)) is SecretStr


@every_service
@pytest.mark.parametrize("change", [assigned, copied, copied_deeply])
def test_a_plain_client_keeps_what_it_was_made_with(
    service: str, change: Callable[..., Any]
) -> None:
    settings: dict[str, Any] = {"agent_id": "a", "api_key": "k", "base_url": "https://x.example"}
    client = getattr(remote_agents, NAMES[service])(**settings)
    for name, value in {"agent_id": "b", "api_key": "secret-2", "timeout": 3.0}.items():
        with pytest.raises(ConfigurationError, match=f"keeps its {name}: make another") as refused:
            change(client, **{name: value})
        assert "secret-2" not in str(refused.value)
    assert (client.agent_id, client.agent.agent_id) == ("a", "a")
    assert client.model_copy().agent is client.agent
