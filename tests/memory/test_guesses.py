"""A turn plans by what its process wrote last; the database decides whether that still stands."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from remote_agents import ConversationError, Message, SQLSessionStore
from remote_agents.memory.guesses import MOST, REST
from remote_agents.memory.history_matching import Conversation
from remote_agents.sandbox import Sandbox
from tests.memory.ways import WAYS, ask, client


class Counting(SQLSessionStore):
    """A store that counts how often it was read."""

    reads = 0

    def read(self, dialogue: str) -> list[Conversation]:
        self.reads += 1
        return super().read(dialogue)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path / 's.db'}"


@pytest.fixture
def both(url: str) -> Iterator[tuple[Counting, Counting]]:
    """Two stores on one database, as two processes have them."""
    stores = Counting(url, table="guesses"), Counting(url, table="guesses")
    stores[0].purge(-1)
    stores[0].delete("u1")  # which an earlier test may have left held
    yield stores
    for store in stores:
        store.close()


def said(conversation: Conversation) -> Conversation:
    return conversation.after(b"abcdef" * 2, b"", history=False, broke_off=False)


def put(store: SQLSessionStore, name: str, turns: int = 3) -> Conversation:
    conversation = replace(said(Conversation(name)), turns=turns)
    store.read("u1")
    assert store.begin("u1", "h", None)
    assert store.finish("u1", "h", conversation)
    return conversation


def taken(store: SQLSessionStore, holder: str = "h") -> bool:
    """Whether the latest conversation is taken as the store guesses it."""
    guess = store.guess("u1")
    assert guess
    return store.begin("u1", holder, guess[0], known=guess)


def test_who_wrote_last_need_not_read(both: tuple[Counting, Counting]) -> None:
    here, there = both
    assert here.guess("u1") is None
    put(here, "c1")
    older = put(here, "c2")
    assert here.guess("u1") == here.read("u1") == there.read("u1")
    assert taken(here)
    assert here.guess("u1") is None, "a turn is under way"
    assert not there.begin("u1", "other", older)
    assert here.finish("u1", "h", said(older))
    assert here.guess("u1") == there.read("u1")
    assert [each.turns for each in there.read("u1")] == [4, 3]


def test_nothing_is_guessed_of_what_became_of_a_refused_turn(
    both: tuple[Counting, Counting],
) -> None:
    here, _ = both
    put(here, "c1")
    assert taken(here)
    assert here.finish("u1", "h", None)
    assert here.guess("u1") is None


def test_what_could_not_be_given_back_keeps_no_other_dialogue_from_being_guessed(
    both: tuple[Counting, Counting], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = both
    conversation = put(here, "c1")
    assert here.begin("lost", "other", None)
    with monkeypatch.context() as patched:
        patched.setattr("remote_agents.memory.sql._finish", _fails)
        with pytest.raises(ConversationError):
            here.finish("lost", "other", Conversation("c2"))
    assert here.guess("lost") is None
    assert taken(here)
    assert here.finish("u1", "h", said(conversation))
    here.delete("lost")


def _fails(*_: object) -> bool:
    raise ConversationError("The database is away.")


def begin_another(store: SQLSessionStore) -> None:
    assert store.begin("u1", "there", None)


def begin_another_in_order(store: SQLSessionStore) -> None:
    assert store.begin("u1", "there", None, alone=True)


def take_the_same(store: SQLSessionStore) -> None:
    assert store.begin("u1", "there", store.read("u1")[0])


def take_the_older(store: SQLSessionStore) -> None:
    assert store.begin("u1", "there", store.read("u1")[1])


def go_on_in_the_same(store: SQLSessionStore) -> None:
    take_the_same(store)
    assert store.finish("u1", "there", said(store.read("u1")[0]))


def go_on_in_the_older(store: SQLSessionStore) -> None:
    older = store.read("u1")[1]
    assert store.begin("u1", "there", older)
    assert store.finish("u1", "there", said(older))


def finish_another(store: SQLSessionStore) -> None:
    begin_another(store)
    assert store.finish("u1", "there", said(Conversation("c9")))


def be_refused(store: SQLSessionStore) -> None:
    take_the_same(store)
    assert store.finish("u1", "there", None)


def forget(store: SQLSessionStore) -> None:
    assert store.delete("u1") == ["c2", "c1"]


CHANGES = [
    begin_another,
    begin_another_in_order,
    take_the_same,
    take_the_older,
    go_on_in_the_same,
    go_on_in_the_older,
    finish_another,
    be_refused,
    forget,
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_another_process_does_is_seen(
    both: tuple[Counting, Counting], change: Any
) -> None:
    here, there = both
    put(here, "c1")
    put(here, "c2")
    change(there)
    before = there.read("u1")
    assert not taken(here)
    assert here.guess("u1") is None, "what was wrong is not guessed again"
    assert there.read("u1") == before
    assert here.read("u1") == before


@settings(max_examples=60, deadline=None)
@given(moves=st.lists(st.tuples(st.sampled_from("bgfrnd"), st.integers(0, 1)), max_size=25))
def test_a_guess_is_taken_only_if_it_is_true(moves: list[tuple[str, int]]) -> None:
    """The letters: begin as guessed, go on, finish, refuse, a new one, delete; in either store."""
    with TemporaryDirectory() as folder:
        stores = [SQLSessionStore(f"sqlite:///{folder}/s.db") for _ in range(2)]
        talk = Talk(stores)
        for number, (move, which) in enumerate(moves):
            talk.move(move, stores[which], number)
        for store in stores:
            store.close()


class Talk:
    """What two processes do to one dialogue."""

    def __init__(self, stores: list[SQLSessionStore]) -> None:
        self.stores = stores
        self.held: list[tuple[SQLSessionStore, str, Conversation]] = []

    def move(self, move: str, store: SQLSessionStore, number: int) -> None:
        """One of the moves."""
        holder = f"h{number}"
        stands = next(each for each in self.stores if each is not store).read("u1")
        if move == "b" and (guess := store.guess("u1")):
            true = stands == list(guess) and not any(each.busy_since for each in stands)
            assert store.begin("u1", holder, guess[0], known=guess) is true
            self.held += [(store, holder, guess[0])] * true
        elif move == "g" and stands:
            if store.begin("u1", holder, stands[0]):
                self.held.append((store, holder, stands[0]))
        elif move == "n" and store.begin("u1", holder, None):
            self.held.append((store, holder, Conversation(f"c{number}")))
        elif move in "fr" and self.held:
            store, holder, conversation = self.held.pop()
            store.finish("u1", holder, said(conversation) if move == "f" else None)
        elif move == "d":
            store.delete("u1")


# --- turns ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
async def test_a_usual_turn_reads_nothing(
    sandbox: Sandbox, both: tuple[Counting, Counting], way: str
) -> None:
    here, _ = both
    agent = client(sandbox, "bluenexus", session_store=here)
    await ask(agent, way, "My secret word is zebra-17.", session_id="u1")
    reads = here.reads
    for number in range(4):
        reply = await ask(agent, way, "What is my secret word?", session_id="u1")
        assert (reply.text, reply.memory) == ("My secret word is zebra-17.", "continued")
        assert agent.session("u1").turns == number + 2
    assert here.reads == reads + 4 * 3, "but by agent.session(), which looks under three names"


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("way", WAYS)
async def test_processes_that_take_turns_know_of_each_other(
    sandbox: Sandbox, both: tuple[Counting, Counting], way: str, history: bool
) -> None:
    agents = [client(sandbox, "bluenexus", session_store=store) for store in both]
    messages: list[Any] = []
    for number, which in enumerate((0, 0, 1, 0, 1, 1, 0, 1)):
        new = Message("user", f"My secret word is word-{number}.")
        messages.append(new)
        reply = await ask(agents[which], way, messages if history else [new], session_id="u1")
        assert reply.memory == ("continued" if number else "new")
        messages.append(reply)
    assert len(sandbox.conversation("bluenexus", reply.conversation_id)) == 16
    assert agents[0].session("u1").turns == 8


async def test_an_edited_history_is_replayed(
    sandbox: Sandbox, both: tuple[Counting, Counting]
) -> None:
    here, _ = both
    agent = client(sandbox, "bluenexus", session_store=here)
    history: list[Any] = ["My secret word is zebra-17."]
    history.append(agent.ask(history, session_id="u1"))
    edited = ["My secret word is lion-3.", history[1], "What is my secret word?"]
    reply = agent.ask(edited, session_id="u1")
    assert (reply.memory, reply.memory_reason) == ("replayed", "history_differs")
    assert agent.ask([*history, "Thanks."], session_id="u1").memory_reason == "history"
    assert [each.turns for each in agent.session("u1")] == [2, 1]


# --- bounds --------------------------------------------------------------------------------------


def test_after_a_wrong_guess_some_are_not_made(both: tuple[Counting, Counting]) -> None:
    here, there = both
    put(here, "c1")
    go_on_in_the_same(there)
    assert not taken(here)
    here.read("u1")
    guesses = [here.guess("u1") is None for _ in range(REST + 1)]
    assert guesses == [True] * REST + [False]


def test_the_latest_dialogues_are_guessed(tmp_path: Path) -> None:
    with closing(SQLSessionStore(f"sqlite:///{tmp_path / 's.db'}")) as store:
        for number in range(MOST + 10):
            assert store.read(f"u{number}") == []
        guessed = [store.guess(f"u{number}") is not None for number in range(MOST + 10)]
        assert [len(list(group)) for _, group in itertools.groupby(guessed)] == [10, MOST]
