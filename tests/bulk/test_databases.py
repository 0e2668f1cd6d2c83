"""A run whose journal is a database: it may be away for a while, and several workers share it."""

import errno
import itertools
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remote_agents import BlueNexus
from remote_agents.bulk import journal
from remote_agents.bulk.run import ask_many
from remote_agents.sandbox import Sandbox
from tests import databases


@pytest.fixture(scope="module")
def postgres() -> Iterator[databases.Server]:
    with databases.postgres_server() as server:
        yield server


def asked(box: Sandbox) -> Counter[str]:
    return Counter(turn["messages"][-1]["content"] for turn in box.turns())


def run(box: Sandbox, path: str, questions: list[str], **options: Any) -> list[dict[str, Any]]:
    agent = BlueNexus(**box.kwargs("bluenexus"))
    rows = ask_many(agent, questions, path=path, progress=False, **options)
    return sorted(rows, key=lambda row: questions.index(row["input"]))


def test_a_database_that_is_away_for_a_while_ends_no_run(
    postgres: databases.Server, sandbox: Sandbox
) -> None:
    sandbox.configure(word_delay=0.01)
    questions = [f"Say: word{number}" for number in range(60)]

    def outage() -> None:
        while not sandbox.turns():
            time.sleep(0.01)
        postgres.kill()
        time.sleep(1.0)
        postgres.start()

    thread = threading.Thread(target=outage)
    thread.start()
    rows = run(sandbox, postgres.url, questions)
    thread.join()
    sandbox.configure(word_delay=0)
    assert [row["status"] for row in rows] == ["answered"] * len(questions)
    assert set(asked(sandbox).values()) == {1}
    again = run(sandbox, postgres.url, questions)
    assert [row["answer"] for row in again] == [row["answer"] for row in rows]
    assert set(asked(sandbox).values()) == {1}


def test_one_that_stays_away_fails_the_question_and_not_the_run(
    postgres: databases.Server, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "PAUSES", (0.01,))
    questions = [f"Say: gone{number}" for number in range(4)]
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    rows = ask_many(agent, questions, path=postgres.url, progress=False, concurrency=1)
    first = next(rows)
    postgres.kill()
    left = list(rows)
    postgres.start()
    assert first["status"] == "answered"
    assert [row["input"] for row in left] == questions[1:]
    failed = [row for row in left if row["status"] == "failed"]
    assert len(failed) >= 2
    assert {row["error_type"] for row in failed} == {"AgentConnectionError"}
    assert all(row["safe_to_repeat"] for row in failed)
    again = run(sandbox, postgres.url, questions)
    assert {row["status"] for row in again} <= {"answered", "in_flight"}
    assert max(asked(sandbox).values()) == 1


_WORKER = """
import sys
from remote_agents import BlueNexus
from remote_agents.bulk.run import ask_many
url, key, agent_id, path = sys.argv[1:]
agent = BlueNexus(base_url=url, api_key=key, agent_id=agent_id)
questions = [f"Say: both{number}" for number in range(60)]
rows = list(ask_many(agent, questions, path=path, progress=False, concurrency=4))
print(sum(row["status"] == "answered" for row in rows))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_no_question_is_asked_by_two_workers(
    kind: str, postgres: databases.Server, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = postgres.url if kind == "postgres" else f"sqlite:///{tmp_path}/run.sqlite"
    given = sandbox.kwargs("bluenexus")
    command = [sys.executable, "-c", _WORKER, given["base_url"], given["api_key"]]
    command += [given["agent_id"], path]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait(120) for worker in workers] == [0, 0, 0]
    counts = asked(sandbox)
    assert len(counts) == 60
    assert set(counts.values()) == {1}
    again = run(sandbox, path, [f"Say: both{number}" for number in range(60)])
    assert {row["status"] for row in again} == {"answered"}
    assert sum(asked(sandbox).values()) == 60


@pytest.mark.parametrize("kind", ["file", "sqlite", "postgres"])
def test_a_key_is_any_text(
    kind: str, postgres: databases.Server, sandbox: Sandbox, tmp_path: Path
) -> None:
    paths = {"file": f"{tmp_path}/run.jsonl", "sqlite": f"sqlite:///{tmp_path}/run.sqlite"}
    path = paths.get(kind, postgres.url)
    odd = {"Say: one": "k" * 5000, "Say: two": "a\0b", "Say: three": "?x", "Say: four": "ü\n"}
    rows = run(sandbox, path, list(odd), key=odd.__getitem__)
    assert [row["status"] for row in rows] == ["answered"] * 4
    again = run(sandbox, path, list(odd), key=odd.__getitem__)
    assert [row["key"] for row in again] == list(odd.values())
    assert len(sandbox.turns()) == 4


def test_a_disk_that_is_full_in_the_end_fails_the_question_unasked(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a network's disk it may be known only when what was written is to be there."""
    path, questions = str(tmp_path / "run.jsonl"), ["Say: one", "Say: two", "Say: three"]
    calls = itertools.count(1)

    def fsync(file: int, real: Callable[[int], None] = os.fsync) -> None:
        if next(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    rows = list(ask_many(agent, questions, path=path, progress=False, concurrency=1))
    assert [row["status"] for row in rows] == ["answered", "failed", "answered"]
    assert rows[1]["safe_to_repeat"]
    assert "No space left" in rows[1]["error"]
    again = run(sandbox, path, questions)
    assert [row["status"] for row in again] == ["answered"] * 3
    assert max(asked(sandbox).values()) == 1


def test_a_full_disk_fails_the_question_and_spoils_no_line(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "run.jsonl")
    questions = ["Say: one", "Say: two", "Say: three"]
    agent = BlueNexus(**sandbox.kwargs("bluenexus"))
    rows = ask_many(agent, questions, path=path, progress=False, concurrency=1)
    next(rows)
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (Path(path).stat().st_size + 10, before[1]))
    try:
        left = list(rows)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(left) == 2
    again = run(sandbox, path, questions)
    assert {row["status"] for row in again} <= {"answered", "in_flight"}
    assert max(asked(sandbox).values()) == 1
