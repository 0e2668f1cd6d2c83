"""The package of `docs/extending.md`: built, installed beside this one, and tried with the kit."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending.md"
FILE = re.compile(r"^```\w+ title=\"(.+?)\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package as its wheel has it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name, text in FILE.findall(PAGE.read_text()):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(text)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(target)
    return target


def run(installed: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(installed)])
    return subprocess.run(
        [sys.executable, *command],
        cwd=installed,
        env={**os.environ, "PYTHONPATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_client_is_as_short_as_the_page_says(installed: Path) -> None:
    files = [*(installed / "helpdesk_agents").glob("*.py")]
    lines = [line for file in files for line in file.read_text().splitlines() if line.strip()]
    assert len(lines) < 80


def test_the_kit_is_green(installed: Path) -> None:
    kit = ["-m", "pytest", "-q", "--agent-service", "helpdesk", "-p", "no:cacheprovider"]
    done = run(installed, *kit)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_the_kit_refuses_a_service_that_is_not_installed(installed: Path) -> None:
    kit = ["-m", "pytest", "-q", "--agent-service", "nosuch", "-p", "no:cacheprovider"]
    done = run(installed, *kit)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert re.search("'nosuch' is none of .*helpdesk", done.stderr)


ASKS = """
import os, subprocess, sys
from remote_agents import ENDPOINTS
from remote_agents.sandbox import Sandbox
assert "helpdesk" in ENDPOINTS
with Sandbox() as box:
    env = {**os.environ, **box.agents["helpdesk"]["env"]}
    ask = [sys.executable, "-m", "remote_agents.cli", "ask", "helpdesk"]
    sys.exit(subprocess.run([*ask, "How long is parental leave?"], env=env).returncode)
"""


def test_the_command_line_knows_it(installed: Path) -> None:
    done = run(installed, "-c", ASKS)
    assert done.returncode == 0, done.stderr
    assert "16 weeks" in done.stdout


TRIES = """
import json, os, subprocess, sys
from remote_agents import ENDPOINTS, Replay
from remote_agents.client import Client
from remote_agents.sandbox import Sandbox
command = [sys.executable, "-m", "remote_agents.cli"]
question = ["--question", "How long is parental leave?"]
with Sandbox() as box:
    env = {**os.environ, **box.agents["helpdesk"]["env"]}
    conform = [*command, "conform", "helpdesk", *question, "--json"]
    done = subprocess.run(conform, env=env, capture_output=True, text=True)
    held = {row["what"]: row["holds"] for row in map(json.loads, done.stdout.splitlines())}
    assert held.pop("limits") is None  # the helpdesk names none
    assert held["wrong key"] and held["wrong agent"] and all(held.values()), done.stdout
    assert done.returncode == 0
    record = [*command, "record", "helpdesk", "--to", "session.txt", "--yes", *question]
    assert subprocess.run(record, env=env, capture_output=True).returncode == 0
    assert "parental" not in open("session.txt").read().lower()
with Replay("session.txt") as replay:
    with Client.kind_of(ENDPOINTS["helpdesk"])(**replay.kwargs()) as client:
        assert client.ask(question[1], session_id="again").citations
    assert (replay.left, replay.refused) == (0, [])
"""


def test_it_is_tried_recorded_and_replayed(installed: Path) -> None:
    done = run(installed, "-c", TRIES)
    assert done.returncode == 0, done.stderr
