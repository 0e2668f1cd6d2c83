"""Whose conversations they are: users of one application never meet in one."""

import asyncio
import gc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.exceptions import ModelInvalidRequestError

from langchain_agents import RemoteChatMessageHistory
from remote_agents import (
    ENDPOINTS,
    ConfigurationError,
    InMemorySessionStore,
    SQLSessionStore,
    session,
)
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import FRAMEWORKS, Way, make
from tests.memory.ways import ASKED, REMEMBERING, SECRET, WAYS, ask, client
from tests.own_services import CHAINED, Responses, client_of
from tests.raw_server import EVENTS, head, serving


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_key_functions_that_come_and_go_are_told_apart(
    endpoint: str, way: str, sandbox: Sandbox
) -> None:
    """A web application makes a model for each request; the ids of its functions are used again."""
    key = sandbox.kwargs(endpoint)["api_key"]
    seen = []
    for user in ("alice", "bob", "carol"):
        agent = client(sandbox, endpoint, api_key=lambda user=user: key)
        await ask(agent, way, SECRET.format(user), session_id="main")
        seen.append((await ask(agent, way, ASKED, session_id="main")).conversation_id)
        del agent
        gc.collect()
    assert len(set(seen)) == 3


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_an_account_has_conversations_of_its_own(
    endpoint: str, kind: str, sandbox: Sandbox
) -> None:
    """In one store, by one function that knows who asks."""
    store: Any = InMemorySessionStore() if kind == "memory" else SQLSessionStore("sqlite://")
    user = [""]
    agent = client(sandbox, endpoint, session_store=store, account=lambda: user[0])
    seen = {}
    for name in ("alice", "bob", "alice"):
        user[0] = name
        reply = await ask(agent, "ask", SECRET.format(name), session_id="main")
        assert seen.setdefault(name, reply.conversation_id) == reply.conversation_id
    assert len(set(seen.values())) == 2
    if kind == "sqlite":
        store.close()


@pytest.mark.parametrize("endpoint", ["bluenexus", "cloudbase", "maiagent"])
async def test_an_async_account_reads_a_history_back(endpoint: str, sandbox: Sandbox) -> None:
    """Only async methods can ask it; the others say so, and leave nothing that was not awaited."""
    agent = client(sandbox, endpoint, account=_whoever, session_store=InMemorySessionStore())
    reply = await ask(agent, "aask", "Hi", session_id="main")
    history = RemoteChatMessageHistory(agent, reply.conversation_id)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, answer = await history.aget_messages()
        assert answer.response_metadata["conversation"]
        for method in (lambda: history.messages, lambda: agent.ask("Hi", session_id="main")):
            with pytest.raises(ConfigurationError, match="async function"):
                method()
        gc.collect()


async def _whoever() -> str:
    return "alice"


# Each reads the same for all users: what was not called, what was not awaited.
NO_NAMES: dict[str, Callable[[], Any]] = {
    "a function": lambda: _whoever,
    "a coroutine": lambda: _whoever(),
    "an object": object,
    "bytes": lambda: b"alice",
    "a switch": lambda: True,
    "a list": lambda: ["alice"],
    "a mapping": lambda: {"name": "alice"},
}


class NA:
    """As pandas has it: neither true nor false, and compared with anything itself."""

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __repr__(self) -> str:
        return "<NA>"


ABSENT = (None, "", float("nan"), Decimal("nan"), NA())


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_what_a_table_has_where_it_has_nothing_names_no_session(
    endpoint: str, framework: str, streamed: bool, awaited: bool, sandbox: Sandbox
) -> None:
    """Two rows without a session are two users, of whom neither is told what the other said."""
    settings = {**sandbox.kwargs(endpoint), "session_store": InMemorySessionStore()}
    way = Way(framework, endpoint, streamed=streamed, awaited=awaited, **settings)
    await way.ask(SECRET.format("zebra-17"), session_id=float("nan"))
    for absent in (float("nan"), NA()):
        assert "zebra-17" not in (await way.ask(ASKED, session_id=absent)).text


@pytest.mark.parametrize("absent", ABSENT, ids=repr)
@pytest.mark.parametrize("name", ["session_id", "thread_id", "user_id"])
def test_what_a_table_has_where_it_has_nothing_is_absent_in_a_config(
    name: str, absent: Any, sandbox: Sandbox
) -> None:
    model = make("langchain", "bluenexus", **sandbox.kwargs("bluenexus"))
    with session(absent):
        model.invoke(SECRET.format("zebra-17"), {"configurable": {name: absent}})
        answer = model.invoke(ASKED, {"configurable": {name: absent}}, session_id=absent)
    assert "zebra-17" not in answer.text
    with pytest.raises(ConfigurationError, match="session_id is empty"):
        make("plain", "bluenexus", **sandbox.kwargs("bluenexus")).forget(absent)


@pytest.fixture(params=NO_NAMES)
def no_name(request: pytest.FixtureRequest) -> Iterator[Any]:
    given = NO_NAMES[request.param]()
    yield given
    if hasattr(given, "close"):
        given.close()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_what_is_no_name_names_no_session(
    endpoint: str, framework: str, streamed: bool, awaited: bool, no_name: Any, sandbox: Sandbox
) -> None:
    settings = sandbox.kwargs(endpoint)
    way = Way(framework, endpoint, streamed=streamed, awaited=awaited, **settings)
    with pytest.raises(ConfigurationError, match="session_id is"):
        await way.ask("Hi", session=no_name)
    assert sandbox.requests() == []


@pytest.mark.parametrize("name", ["session_id", "thread_id", "user_id"])
@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_what_is_no_name_names_nobody_in_a_config(
    endpoint: str, name: str, no_name: Any, sandbox: Sandbox
) -> None:
    model = make("langchain", endpoint, **sandbox.kwargs(endpoint))
    config = {"configurable": {"thread_id": "t", name: no_name}}
    for turn in (model.invoke, lambda *asked: list(model.stream(*asked))):
        with pytest.raises(ModelInvalidRequestError, match=f"{name} is"):
            turn("Hi", config)
    assert sandbox.requests() == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [None, "", b"alice", len, float("nan"), True, ()])
async def test_what_is_no_name_is_no_account(way: str, given: Any, sandbox: Sandbox) -> None:
    agent = client(sandbox, "bluenexus", account=lambda: given)
    with pytest.raises(ConfigurationError, match="account is"):
        await ask(agent, way, "Hi", session_id="main")
    assert sandbox.requests() == []


class Marked(str):
    """A text of a class of its own, as templates, databases and enumerations have them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Marked({str(self)!r})"

    def __str__(self) -> str:
        return f"marked {super().__str__()}"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_a_name_is_its_text_whatever_its_class(
    endpoint: str, way: str, sandbox: Sandbox
) -> None:
    agent = client(sandbox, endpoint, account=lambda: Marked("acme"))
    first = await ask(agent, way, SECRET.format("zebra-17"), session_id=Marked(f"{way} marked"))
    agent = client(sandbox, endpoint, account="acme", session_store=agent.session_store)
    second = await ask(agent, way, ASKED, session_id=f"{way} marked")
    assert second.conversation_id == first.conversation_id


@pytest.mark.parametrize("endpoint", REMEMBERING)
async def test_a_header_that_says_who_asks_is_an_account(endpoint: str) -> None:
    """It goes before a key of the same model, and agents of AG-UI often have no other."""
    with Sandbox(rate_limit=None, token_seconds=300) as box:
        store, seen = InMemorySessionStore(), []
        alice, _ = box.token(endpoint)
        await asyncio.sleep(0.002)  # tokens are told apart by their time
        bob, _ = box.token(endpoint)
        for token in (alice, alice, bob):
            whose = {"authorization": f"{ENDPOINTS[endpoint].auth_scheme} {token}"}
            settings = {"api_key": "one-for-all", "default_headers": whose}
            agent = client(box, endpoint, session_store=store, **settings)
            seen.append((await ask(agent, "ask", "Hi", session_id="main")).conversation_id)
    assert seen[0] == seen[1] != seen[2]


@pytest.mark.parametrize("given", ["constructor", "call"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_a_sender_has_sessions_of_his_own(
    framework: str, given: str, sandbox: Sandbox
) -> None:
    """MaiAgent knows by `sender` which contact asks, whoever's the key is."""
    settings = {**sandbox.kwargs("maiagent"), "session_store": InMemorySessionStore()}
    plain = client(sandbox, "maiagent")
    seen = []
    alice, bob = (str(plain.contacts.create(name).id) for name in ("Alice", "Bob"))
    for name in (alice, bob, alice):
        whose: tuple[Any, Any] = ({"sender": name}, {})
        made, call = whose if given == "constructor" else reversed(whose)
        way = Way(framework, "maiagent", streamed=False, awaited=True, **settings, **made)
        answer = await way.ask("Hi", session="main", **call)
        seen.append(answer.metadata["conversation_id"])
        asked = way.model if framework == "plain" else way.model.client
        known = asked.session("main", **call)
        assert known is not None
        assert known.conversation_id == seen[-1]
    assert seen[0] == seen[2] != seen[1]
    assert asked.forget("main", **call)


ONE = "a-key-of-all"


def one_key() -> str:
    return ONE


GATEWAY = {"Authorization": "Basic of-all"}
WHOSE: dict[str, Callable[[str], dict[str, Any]]] = {
    "in its header": lambda user: {"api_key": ONE, "default_headers": {"x-api-key": user}},
    "beside a gateway's": lambda user: {"api_key": f"of-{user}", "default_headers": GATEWAY},
    "a function's": lambda user: {"api_key": lambda: f"of-{user}", "default_headers": GATEWAY},
    "beside a function's": lambda user: {
        "api_key": one_key,
        "default_headers": {"authorization": user},
    },
}


@pytest.mark.filterwarnings("ignore:session_store is your own and api_key a function")
@pytest.mark.parametrize("way", WHOSE)
def test_a_header_of_the_key_says_whose_a_request_is(way: str) -> None:
    kind = client_of(replace(CHAINED, key_header="X-API-Key"))
    kept, store = Responses(), InMemorySessionStore()
    with serving([head(EVENTS), lambda talk: kept.answer(server, talk)]) as server:
        for user in ("alice", "bob"):
            client = kind(base_url=server.url, session_store=store, **WHOSE[way](user))
            assert client.ask(user, session_id="s").text == user
        with pytest.raises(ConfigurationError, match="no x-api-key: pass a function as api_key"):
            client.ask("Hello", headers={"x-api-key": "carol"})
