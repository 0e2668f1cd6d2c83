"""A framework's history: looked at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from remote_agents import Message
from remote_agents.memory.prompt import Prompt
from remote_agents.types.history import History
from tests.memory.prompts import FACTS, prompt

LONG = prompt(*("sys: be brief", "hi", "re: hello") * 100, "and now?")


class Counted:
    """Converts, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            self.count += 1
            yield message


@pytest.mark.parametrize("name", list(FACTS))
def test_a_history_is_planned_as_a_list_and_read_once(name: str) -> None:
    counted = Counted()
    plan = Prompt(History(LONG, counted), FACTS[name], "agent").alone()
    listed = Prompt(LONG, FACTS[name], "agent").alone()
    assert plan.messages == listed.messages
    assert counted.count == len(LONG)


def test_a_history_is_a_sequence() -> None:
    history = History(LONG, Counted())
    assert list(history) == LONG
    assert list(reversed(history)) == LONG[::-1]
    assert history[-1] == LONG[-1]
    assert history[1:4] == LONG[1:4]
    assert len(history) == len(LONG)


def test_what_the_caller_adds_later_is_not_in_it() -> None:
    mine = list(LONG)
    history = History(mine, Counted())
    mine.append(Message("user", "later"))
    assert len(history) == len(LONG)
