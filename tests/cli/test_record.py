"""`remote-agents record` and `replay`, as they are typed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remote_agents import ENDPOINTS, ConfigurationError, MaiAgent, Recorder, Transcript
from remote_agents.sandbox import Sandbox
from tests.cli.conftest import Cli

QUESTION = "How long is parental leave?"


@pytest.mark.parametrize("service", ENDPOINTS)
def test_it_is_shown_and_written(service: str, cli: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    before = len(sandbox.turns(service))
    code, out, err = cli("record", service, "--to", str(file), "--yes", "--source", "the sandbox")
    assert code == 0
    assert "It takes 2 short turns" in err
    assert file.read_text() in out
    told = Transcript.read(file.read_text())
    assert (told.facts["service"], told.facts["source"]) == (service, "the sandbox")
    assert len(sandbox.turns(service)) - before == 2
    settings = sandbox.kwargs(service)
    for own in (settings["api_key"], "heliotrope", sandbox.url.rpartition(":")[2]):
        assert own not in out


@pytest.mark.parametrize(("said", "written"), [("y\n", True), ("n\n", False)])
def test_it_asks_before_it_writes(
    said: str, written: bool, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "session.txt"
    monkeypatch.setattr("sys.stdin", Terminal(said))
    code, out, err = cli("record", "maiagent", "--to", str(file), "--question", QUESTION)
    assert code == 0
    assert "# service: maiagent" in out
    assert "It takes one short turn of" in err
    assert "Does it hold nothing of yours?" in err
    assert file.exists() is written


class Terminal:
    def __init__(self, said: str) -> None:
        self.said = said

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        return self.said


def test_nothing_is_asked_where_nobody_can_agree(cli: Cli, sandbox: Sandbox) -> None:
    before = len(sandbox.requests("maiagent"))
    code, _, err = cli("record", "maiagent", "--to", "session.txt")
    assert code == 2
    assert "--yes" in err
    assert len(sandbox.requests("maiagent")) == before


@pytest.mark.parametrize("place", ["", "none/session.txt"])
def test_nothing_is_asked_where_it_cannot_be_written(
    cli: Cli, sandbox: Sandbox, tmp_path: Path, place: str
) -> None:
    before = len(sandbox.requests("maiagent"))
    code, out, err = cli("record", "maiagent", "--to", str(tmp_path / place), "--yes")
    assert (code, out) == (2, "")
    assert "name a file in an existing folder" in err
    assert len(sandbox.requests("maiagent")) == before
    with pytest.raises(ConfigurationError, match="name a file"):
        Recorder(MaiAgent(**sandbox.kwargs("maiagent"))).save(tmp_path / place)


def test_a_turn_that_fails_is_recorded(cli: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "failed.txt"
    sandbox.fail_next(500, endpoint="bluenexus")
    code, _, err = cli("record", "bluenexus", "--to", str(file), "--yes")
    assert code == 1
    assert "500" in err
    assert [each.status for each in Transcript.read(file.read_text()).interactions] == [500]


def test_texts_stay_only_where_that_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    cli("record", "maiagent", "--to", str(file), "--yes", "--question", QUESTION, "--keep-text")
    assert QUESTION in file.read_text()
    assert " weeks" in file.read_text()  # of the answer, which comes word by word


def test_what_was_recorded_is_asked_again(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "session.txt"
    cli("record", "maiagent", "--to", str(file), "--yes", "--question", QUESTION)
    run = [sys.executable, "-m", "remote_agents.cli"]
    with subprocess.Popen(
        [*run, "replay", str(file), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        env = {**os.environ, **json.loads(server.stdout.readline())["env"]}
        ask = [*run, "ask", "maiagent", "--set", "max_retries=0"]
        same = subprocess.run([*ask, QUESTION], env=env, capture_output=True, check=False)
        other = subprocess.run([*ask, "Hello"], env=env, capture_output=True, check=False)
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=20)
    assert same.returncode == 0, same.stderr
    assert same.stdout.strip()
    assert other.returncode == 1
    assert b"not what was recorded" in other.stderr
    assert b"not what was recorded" in err
    assert server.returncode == 0


def test_what_cannot_be_replayed_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "session.txt").write_text("Hello")
    code, _, err = cli("replay", str(tmp_path / "session.txt"))
    assert code == 2
    assert "cannot be replayed" in err
