"""Users who do to their histories what users do: the law holds of all of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from remote_agents import InMemorySessionStore, Message
from tests.memory.simulated import Caller, Service, user

USERS = ("alice", "bob")
TEXTS = st.sampled_from(["yes", "no", "more", "and now?"])
ANSWERS = st.sampled_from(["ok", "well", "so it is"])


class Dialogues(RuleBasedStateMachine):
    """Users who do to their histories what users do, against a service that forgets nothing.

    Texts and answers repeat, so that what only looks alike is taken for the same where it can be.
    """

    store: InMemorySessionStore | None = None
    unique = False

    def __init__(self) -> None:
        super().__init__()
        self.service = Service()
        if type(self).store is not None:
            self.store = InMemorySessionStore()
        self.histories: dict[str, list[Message]] = {name: [] for name in USERS}
        self.branches: dict[str, list[Message]] = {name: [] for name in USERS}
        self.owners: dict[str, str] = {}
        self.unseen = 0
        self.numbers = itertools.count()

    def history(self, name: str) -> list[Message]:
        return self.histories[name]

    def text(self, text: str) -> str:
        return f"{text} {next(self.numbers)}" if self.unique else text

    @rule(name=st.sampled_from(USERS), text=TEXTS, answer=ANSWERS)
    def speaks(self, name: str, text: str, answer: str) -> None:
        self.history(name).append(user(self.text(text)))
        self.turn(name, answer)

    @rule(name=st.sampled_from(USERS), text=TEXTS, other=TEXTS, answer=ANSWERS)
    def speaks_in_two_tabs_at_once(self, name: str, text: str, other: str, answer: str) -> None:
        tab = [*self.history(name), user(self.text(other))]
        self.history(name).append(user(self.text(text)))
        self.turn(name, answer, meanwhile=lambda: self.turn_of(name, tab, answer))
        self.branches[name] = tab

    @rule(name=st.sampled_from(USERS), text=TEXTS)
    def stops(self, name: str, text: str) -> None:
        self.history(name).append(user(self.text(text)))
        self.turn(name, None)

    @rule(name=st.sampled_from(USERS), answer=ANSWERS)
    def regenerates(self, name: str, answer: str) -> None:
        history = self.history(name)
        while history and history[-1].role == "assistant":
            history.pop()
        if history:
            self.turn(name, answer)

    @rule(name=st.sampled_from(USERS), at=st.integers(0, 20))
    def goes_back(self, name: str, at: int) -> None:
        del self.history(name)[at:]

    @rule(name=st.sampled_from(USERS))
    def clears(self, name: str) -> None:
        self.history(name).clear()

    @rule(name=st.sampled_from(USERS), at=st.integers(0, 20))
    def forks(self, name: str, at: int) -> None:
        self.branches[name] = list(self.history(name))
        del self.history(name)[at:]

    @rule(name=st.sampled_from(USERS))
    def returns_to_the_other_branch(self, name: str) -> None:
        here, there = self.history(name), self.branches[name]
        self.histories[name], self.branches[name] = there, here

    @rule(name=st.sampled_from(USERS), at=st.integers(0, 20))
    def edits(self, name: str, at: int) -> None:
        history = self.history(name)
        if history:
            at %= len(history)
            history[at] = replace(history[at], content=history[at].content + "!")

    @rule(name=st.sampled_from(USERS))
    def trims(self, name: str) -> None:
        del self.history(name)[:2]

    @rule(name=st.sampled_from(USERS))
    def is_summarised(self, name: str) -> None:
        self.history(name)[:-2] = [user(self.text("a summary"))]

    @rule(name=st.sampled_from(USERS), text=ANSWERS)
    def hears_another_model(self, name: str, text: str) -> None:
        self.history(name).append(Message("assistant", self.text(text)))

    @rule(name=st.sampled_from(USERS), other=st.sampled_from(USERS))
    def copies_the_history_of(self, name: str, other: str) -> None:
        self.histories[name] = list(self.history(other))

    @precondition(lambda self: self.store is not None)
    @rule(name=st.sampled_from(USERS))
    def keeps_texts_only(self, name: str) -> None:
        self.history(name)[:] = [replace(message, origin=None) for message in self.history(name)]

    def turn(
        self, name: str, answer: str | None, meanwhile: Callable[[], object] = lambda: None
    ) -> None:
        self.turn_of(name, self.history(name), answer, meanwhile)

    def turn_of(
        self,
        name: str,
        history: list[Message],
        answer: str | None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        answer = None if answer is None else self.text(answer)
        before: dict[str, list[tuple[str, str]]] = {}

        def note() -> None:
            meanwhile()
            before.update({c: list(said) for c, said in self.service.held.items()})

        conversation, replied = Caller(self.service, self.store).ask(name, history, answer, note)
        if replied is not None:
            history.append(replied)
        said = [(message.role, message.content) for message in history]
        held = self.service.held[conversation]
        if held[-len(said) :] != said:
            self.unseen += 1  # it had moved on where only a store could tell
            assert self.store is None, "the law is broken"
        assert self.owners.setdefault(conversation, name) == name, "a leak"
        assert held[: len(before.get(conversation, []))] == before.get(conversation, [])

    @invariant()
    def no_conversation_has_two_users(self) -> None:
        assert set(self.owners) == set(self.service.held)


class DialoguesWithStore(Dialogues):
    store = InMemorySessionStore()


class DialoguesOfUniqueTexts(DialoguesWithStore):
    """Where no two messages are alike, none stands twice in a conversation."""

    unique = True

    @invariant()
    def nothing_is_posted_again_within_its_conversation(self) -> None:
        for held in self.service.held.values():
            assert len(set(held)) == len(held)


LONG = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestWithoutStore = Dialogues.TestCase
TestWithStore = DialoguesWithStore.TestCase
TestOfUniqueTexts = DialoguesOfUniqueTexts.TestCase
for _case in (TestWithoutStore, TestWithStore, TestOfUniqueTexts):
    _case.settings = LONG
