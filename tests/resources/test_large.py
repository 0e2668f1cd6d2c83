"""100,000 records and 200 MB, in little memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way

MB = 1024 * 1024


@pytest.fixture(scope="module")
def full() -> Iterator[Sandbox]:
    with Sandbox(rate_limit="none") as box:
        box.seed_records(100_000)
        box.configure(export_padding=200 * MB)
        yield box


def measured(what: str, way: Way, box: Sandbox) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.resources.measure", what, way.name, box.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_list_of_100_000_records_takes_constant_memory(way: Way, full: Sandbox) -> None:
    found = measured("list", way, full)
    assert found["count"] == (100_000 if way.name == "sync" else 20 * 24 * 60)
    assert found["growth"] < 10 * MB


def test_an_export_of_200_mb_takes_under_30_mb(way: Way, full: Sandbox) -> None:
    found = measured("export", way, full)
    assert found["count"] > 200 * MB
    assert found["growth"] < 30 * MB
