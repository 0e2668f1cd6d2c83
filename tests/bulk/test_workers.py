"""What workers share: what travels to them, and the journal that tells them what was asked."""

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from remote_agents import BlueNexus, SQLSessionStore
from remote_agents.bulk.run import Asker
from remote_agents.sandbox import Sandbox
from remote_agents.types import Reply

BATCH = {"key": ["a", "b", "c"], "input": ["Say: one", "Say: two", "Say: three"], "page": [1, 2, 3]}


def test_a_client_with_a_shared_limit_travels(redis_url: str, postgres_url: str) -> None:
    client = BlueNexus(
        api_key="k",
        rate_limit="3/second",
        rate_limit_storage=redis_url,
        session_store=SQLSessionStore(postgres_url),
    )
    travelled = pickle.loads(pickle.dumps(client)), copy.deepcopy(client)
    for again in travelled:
        assert again.agent.limiter._window is client.agent.limiter._window
        assert again.agent.limited_as("a") == client.agent.limited_as("a")
    for each in (client, *travelled):
        each.agent.store.close()


class Killed(BaseException):
    """Ends a worker without a word to its journal."""


class Mortal(BlueNexus):
    """Dies with a certain question in flight."""

    def ask(self, message: Any, **options: Any) -> Reply:
        reply = super().ask(message, **options)
        if message == "Say: two":
            raise Killed
        return reply


@pytest.mark.parametrize("repeat", [True, False])
@pytest.mark.parametrize("journal", ["file", "sqlite", "postgresql"])
def test_a_batch_of_a_dead_worker_is_taken_up_by_another(
    journal: str, repeat: bool, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    paths = {"file": str(tmp_path / "a.jsonl"), "sqlite": f"sqlite:///{tmp_path}/a.db"}
    path = paths.get(journal) or request.getfixturevalue("postgres_url")
    run = f"{journal}-{repeat}"
    kwargs = sandbox.kwargs("bluenexus")
    dead = Asker(Mortal(**kwargs), path, concurrency=1, run=run)
    with pytest.raises(Killed):
        dead(BATCH)
    dead.close()

    for _ in range(2):  # the second time everything is known
        asker = Asker(BlueNexus(**kwargs), path, run=run, repeat_in_flight=repeat)
        found = asker(BATCH)
        asker.close()
        second = ("answered", "two", 2) if repeat else ("in_flight", "", 1)
        assert [*zip(found["status"], found["answer"], found["asked"], strict=True)] == [
            ("answered", "one", 1),
            second,
            ("answered", "three", 1),
        ]
        assert found["was_in_flight"] == [False, True, False]
        assert found["page"] == [1, 2, 3]
    asked = [turn["messages"][-1]["content"] for turn in sandbox.turns()]
    assert sorted(asked) == sorted([*BATCH["input"], *(["Say: two"] if repeat else [])])


def test_a_column_of_keys_may_be_of_numbers(sandbox: Sandbox, tmp_path: Path) -> None:
    batch = {**BATCH, "key": [1, 2, 3]}
    for _ in range(2):  # the second time everything is known
        asker = Asker(BlueNexus(**sandbox.kwargs("bluenexus")), f"sqlite:///{tmp_path}/a.db")
        found = asker(batch)
        asker.close()
        assert (found["key"], found["answer"]) == ([1, 2, 3], ["one", "two", "three"])
        assert len(sandbox.turns()) == 3


@pytest.mark.parametrize("journal", ["sqlite", "postgresql"])
def test_runs_in_one_database_know_nothing_of_each_other(
    journal: str, sandbox: Sandbox, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sqlite = f"sqlite:///{tmp_path}/a.db"
    path = sqlite if journal == "sqlite" else request.getfixturevalue("postgres_url")
    for run in ("first", "second"):
        asker = Asker(BlueNexus(**sandbox.kwargs("bluenexus")), path, run=run)
        assert asker(BATCH)["asked"] == [1, 1, 1]
        asker.close()
    assert len(sandbox.turns()) == 6
