"""The same class on a real local Ray cluster: two workers, one of them killed in the middle.

Ray is no part of the development environment; `pip install -r requirements/ray.txt` runs this.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy

from remote_agents.sandbox import Sandbox

pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements/ray.txt")

QUESTIONS = 2000
WORKERS, CONCURRENCY = 2, 8
LIMIT, WINDOW = 500, 5  # the account's: so many requests in so many seconds
# Requests are counted before they leave, so a window at the server may also hold what was under way
# when it began. With room for as many, as docs/bulk.md says, the account's limit holds exactly.
RATE_LIMIT = f"{LIMIT - WORKERS * CONCURRENCY} per {WINDOW} second"

# A process of its own: Ray leaves threads, signal handlers and warnings behind.
DRIVER = """
import json, os, signal, sys, threading, time
settings = json.loads(sys.argv[1])
import ray
ray.init(num_cpus=2, object_store_memory=200_000_000, include_dashboard=False,
         _node_ip_address="127.0.0.1",
         logging_level="ERROR", log_to_driver=False)
ray.data.DataContext.get_current().enable_progress_bars = False
from remote_agents import BlueNexus, SQLSessionStore
from remote_agents.bulk.run import Asker

class Watched(Asker):
    '''Writes down which process it is.'''
    def __init__(self, folder, **options):
        super().__init__(**options)
        open(os.path.join(folder, str(os.getpid())), "w").close()

questions = [{"key": str(n), "input": f"Say: answer {n}", "session_id": f"s{n}"}
             for n in range(settings["questions"])]
model = BlueNexus(**settings["model"], session_store=SQLSessionStore(settings["postgres"], lease=5))
answers = ray.data.from_items(questions, override_num_blocks=40).map_batches(
    Watched, compute=ray.data.ActorPoolStrategy(size=settings["workers"]), batch_size=50,
    fn_constructor_kwargs={
        "folder": settings["folder"], "model": model, "path": settings["postgres"],
        "concurrency": settings["concurrency"], "repeat_in_flight": True, "run": "test"},
)
rows = answers.take_all()
json.dump(rows, open(settings["out"], "w"), default=str)
ray.shutdown()
"""


def test_a_worker_is_killed_and_nothing_is_lost(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    with Sandbox(rate_limit="none") as box:
        driver, settings = _start(box, postgres_url, redis_url, tmp_path)
        try:
            killed = _kill_one(postgres_url, driver, tmp_path / "workers")
            driver.wait(timeout=240)
        finally:
            _end(driver)
        assert driver.returncode == 0, Path(tmp_path, "log").read_text()
        rows = json.loads(Path(settings["out"]).read_text())
        _check_rows(rows)
        _check_requests(box, rows)
        assert len(list((tmp_path / "workers").iterdir())) == 3, "the killed one was replaced"
        assert not psutil.pid_exists(killed)


def _start(
    box: Sandbox, postgres: str, redis: str, folder: Path
) -> tuple["subprocess.Popen[bytes]", dict[str, Any]]:
    model = {
        **box.kwargs("bluenexus"),
        "rate_limit": RATE_LIMIT,
        "rate_limit_storage": redis,
    }
    (folder / "workers").mkdir()
    settings = {
        "questions": QUESTIONS,
        "workers": WORKERS,
        "concurrency": CONCURRENCY,
        "model": model,
        "postgres": postgres,
        "folder": str(folder / "workers"),
        "out": str(folder / "rows.json"),
    }
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_MEMORY_MONITOR": "1"}
    with Path(folder, "log").open("wb") as log:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, json.dumps(settings)],
            stdout=log,
            stderr=log,
            env={**os.environ, **quiet},
            start_new_session=True,
        )
    return driver, settings


def _kill_one(postgres: str, driver: "subprocess.Popen[bytes]", folder: Path) -> int:
    """Kill a worker when half of the questions are answered."""
    while _answered(postgres) < QUESTIONS / 2:
        assert driver.poll() is None, (folder.parent / "log").read_text()
        time.sleep(0.1)
    worker = int(min(folder.iterdir()).name)
    os.kill(worker, signal.SIGKILL)
    return worker


def _answered(postgres: str) -> int:
    engine = sqlalchemy.create_engine(postgres, poolclass=sqlalchemy.NullPool)
    with engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table("remote_agents_bulk"):
            return 0
        query = "select count(*) from remote_agents_bulk where row is not null"
        return int(connection.execute(sqlalchemy.text(query)).scalar_one())


def _end(driver: "subprocess.Popen[bytes]") -> None:
    """Ray's own processes are of the driver's session or its children."""
    if driver.poll() is None:
        children = psutil.Process(driver.pid).children(recursive=True)
        for process in [psutil.Process(driver.pid), *children]:
            if process.is_running():
                process.kill()
        driver.wait()


def _check_rows(rows: list[dict[str, Any]]) -> None:
    assert len(rows) == QUESTIONS
    assert {row["key"] for row in rows} == {str(n) for n in range(QUESTIONS)}
    assert [row for row in rows if row["answer"] != f"answer {row['key']}"] == []
    assert {row["status"] for row in rows} == {"answered"}


def _check_requests(box: Sandbox, rows: list[dict[str, Any]]) -> None:
    asked = Counter(turn["messages"][-1]["content"] for turn in box.turns())
    twice = {question for question, times in asked.items() if times > 1}
    marked = {row["input"] for row in rows if row["was_in_flight"]}
    assert 1 <= len(marked) <= CONCURRENCY
    assert twice <= marked
    assert max(asked.values()) <= 2
    assert len(asked) == QUESTIONS

    times = sorted(entry["time"] for entry in box.requests("bluenexus"))
    assert len(times) >= QUESTIONS
    for first, beyond in zip(times, times[LIMIT:], strict=False):
        assert beyond - first >= WINDOW
