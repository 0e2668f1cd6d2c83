"""A service whose answers chain: each has an id of its own, which the next request names."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from remote_agents import InMemorySessionStore, Reply, SessionStore, StreamInterruptedError
from remote_agents.memory.sql import SQLSessionStore
from tests.own_services import BROKEN, CHAINED, UNKEPT, Responses, client_of, reply_of, said_of
from tests.raw_server import EVENTS, RawServer, head, serving


@pytest.fixture
def responses() -> Iterator[RawServer]:
    kept = Responses()
    with serving([head(EVENTS), lambda talk: kept.answer(server, talk)]) as server:
        yield server


@contextmanager
def no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


STORES: dict[str, Callable[[], SessionStore]] = {
    "memory": InMemorySessionStore,
    "database": lambda: SQLSessionStore("sqlite://"),
}


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("store", STORES)
def test_answers_chain(store: str, awaited: bool, responses: RawServer) -> None:
    kept = STORES[store]()
    client = client_of(CHAINED)(base_url=responses.url, api_key="k", session_store=kept)
    with no_warning():
        for question in ("one", "two", "three"):
            _, reply = reply_of(client, awaited, prompt=question, session_id="prompts")
        assert (reply.text, reply.conversation_id) == ("one two three", "resp-3")
        assert (reply.memory, reply.memory_reason) == ("continued", "session")
        with pytest.raises(StreamInterruptedError):
            reply_of(client, awaited, prompt=BROKEN, session_id="prompts")
        _, reply = reply_of(client, awaited, prompt="four", session_id="prompts", stop=["three"])
        assert reply.text == "one two "
        _, reply = reply_of(client, awaited, prompt=UNKEPT, session_id="prompts")
        assert reply.text == f"one two three four {UNKEPT}"
        _, reply = reply_of(client, awaited, prompt="five", session_id="prompts")
    assert reply.text == "one two three four five"


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("lasting", [False, True], ids=["marks alone", "a store"])
def test_a_history_goes_on_from_its_newest_answer(
    lasting: bool, awaited: bool, responses: RawServer
) -> None:
    kept = InMemorySessionStore()

    def asked(history: list[Any]) -> Reply:
        store = kept if lasting else InMemorySessionStore()
        settings: Any = {"session_store": store, "account_secret": "s" * 16}
        client = client_of(CHAINED)(base_url=responses.url, api_key="k", **settings)
        return reply_of(client, awaited, prompt=history, session_id="s")[1]

    history: list[Any] = []
    with no_warning():
        for question in ("one", "two", "three", "four"):
            history.append(question)
            history.append(asked(history))
        again = asked([*history[:4], "other"])
        edited = asked(["uno", *history[1:4], "other"])
        unkept = asked([*history[:4], UNKEPT])
        after = asked([*history[:4], UNKEPT, unkept, "after"])
        assert said_of(responses)[-1] == {
            "input": [UNKEPT, unkept.text, "after"],
            "previous": "resp-2",
        }
        for number in range(9):
            asked([*history[:2], f"fork {number}"])
        late = asked([*history[:6], "late"])
    assert [each["previous"] for each in said_of(responses)[:4]] == [
        None,
        *(f"resp-{number}" for number in (1, 2, 3)),
    ]
    assert said_of(responses)[3]["input"] == ["four"]
    assert (again.text, again.memory) == ("one two other", "continued")
    assert (edited.memory, said_of(responses)[5]["previous"]) == ("replayed", None)
    assert (after.memory, late.memory, late.text) == (*["continued"] * 2, "one two three late")
