"""Processes that share a store, one of which dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_agents import SQLSessionStore
from remote_agents.sandbox import Sandbox
from tests.memory.ways import client

FULL = bool(os.environ.get("FULL_SIZE"))
SESSIONS, TURNS = (500, 4) if FULL else (32, 2)
LEASE = 4.0  # seconds; a busy machine may leave a process without a turn for some
SLACK = 8.0  # for the turn itself, on a busy machine


class Worker:
    """A process, and what it said of its turns."""

    def __init__(self, box: Sandbox, database: str, seed: int, folder: Path) -> None:
        settings = box.kwargs("bluenexus")
        self.output = folder / f"{seed}.jsonl"
        arguments = [settings["base_url"], settings["api_key"], database]
        numbers = [str(LEASE), str(seed), str(SESSIONS), str(TURNS)]
        with self.output.open("w") as file:
            command = [sys.executable, "-m", "tests.memory.worker", *arguments, *numbers]
            self.process = subprocess.Popen(command, stdout=file)

    def said(self) -> list[dict[str, Any]]:
        lines = self.output.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]


def by_session(lines: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault(line["session"], []).append(line)
    return groups


def standstill(turns: list[dict[str, Any]]) -> float:
    """The longest time in which somebody waited and no turn of this session ended."""
    longest, last = 0.0, 0.0
    for turn in sorted(turns, key=lambda turn: turn["began"] + turn["seconds"]):
        end = turn["began"] + turn["seconds"]
        longest, last = max(longest, end - max(last, turn["began"])), end
    return float(longest)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "postgres":
        yield str(request.getfixturevalue("postgres_url"))
    else:
        yield f"sqlite:///{tmp_path / 's.db'}"


def test_three_go_on_when_the_fourth_is_killed(
    sandbox: Sandbox, database: str, tmp_path: Path
) -> None:
    sandbox.configure(word_delay=0.002)
    start = time.monotonic()
    workers = [Worker(sandbox, database, seed, tmp_path) for seed in range(4)]
    victim, *others = workers
    while len(victim.said()) < SESSIONS * TURNS / 4:
        assert victim.process.poll() is None
        time.sleep(0.005)
    victim.process.send_signal(signal.SIGKILL)
    assert victim.process.wait() == -signal.SIGKILL
    assert [worker.process.wait(240) for worker in others] == [0, 0, 0]
    sandbox.configure(word_delay=0.0)

    lines = [line for worker in workers for line in worker.said()]
    assert all(f"word-{line['session']}." in line["text"] + "." for line in lines)
    conversations = {
        number: {line["conversation"] for line in group}
        for number, group in by_session(lines).items()
    }
    assert {len(ids) for ids in conversations.values()} == {1}
    assert len(set.union(*conversations.values())) == SESSIONS
    longest = max(map(standstill, by_session(lines).values()))
    assert longest < LEASE + SLACK

    store = SQLSessionStore(database, table="shared", lease=LEASE)
    agent = client(sandbox, "bluenexus", agent_id="default", session_store=store)
    for number, ids in conversations.items():
        known = agent.session(f"s{number}")
        assert {known.conversation_id} == ids
        assert known.turns >= 3 * TURNS  # each survivor's turns, none lost
        turns = [line["turn"] for line in lines if line["session"] == number]
        assert len(set(turns)) == len(turns)  # no two turns stood at the same place
    store.purge(-1)
    store.close()
    print(
        f"{len(lines)} turns of {SESSIONS} sessions in {time.monotonic() - start:.1f} s, "
        f"the longest standstill {longest:.2f} s, lease {LEASE:g} s"
    )
