"""The demo as a user starts it; an agent that fails makes it fail."""

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pexpect
import pytest

from remote_agents.services import ENDPOINTS
from remote_agents_demo import engine, show as demo
from remote_agents_demo.chain import Dialogue
from tests.cli.conftest import lines
from tests.proxies import DEAD


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "WORD_DELAY", 0.0)


@pytest.mark.parametrize("proxies", [{}, DEAD], ids=["at home", "behind proxies"])
def test_the_demo_over_the_handbook(proxies: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "remote_agents.cli", "demo"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "160", **proxies},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("LangChain > How many vacation days do I get?") == len(ENDPOINTS)
    assert done.stdout.count("LangChain > And what about part-time staff?") == len(ENDPOINTS)
    assert done.stdout.count("LlamaIndex > How many vacation days do I get?") == len(ENDPOINTS)
    assert done.stdout.count("\nPart-time staff receive vacation days in") == len(ENDPOINTS)
    assert done.stdout.count("[1] vacation.md") == len(ENDPOINTS)
    sources = re.findall(r"^  \[\d\] ([\w.-]+): (.*)$", done.stdout, re.MULTILINE)
    named = [name for name, _ in sources]
    assert len(named) == len(ENDPOINTS) * len({*named}), "each document once an answer"
    assert any(";" in passages for _, passages in sources)
    table = done.stdout[done.stdout.index("All agents") :]
    assert all(f"✓ {agent}" in table for agent in ENDPOINTS)
    assert done.stderr == ""


def test_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--json"]) == 0
    rows = lines(capsys.readouterr().out)
    assert [row["endpoint"] for row in rows] == [*ENDPOINTS]
    assert all(row["sources"] and row["problems"] == [] for row in rows)


@pytest.mark.parametrize("moment", ["importing", "The sandbox answers", "LlamaIndex >"])
def test_ctrl_c_ends_it_without_a_traceback(moment: str) -> None:
    child = pexpect.spawn(sys.executable, ["-m", "remote_agents.cli", "demo"], encoding="utf-8")
    time.sleep(0.8) if moment == "importing" else child.expect(moment, timeout=60)
    child.sendintr()
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 130
    assert "Traceback" not in str(child.before)


def test_other_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ferry.md").write_text(
        "# Ferry\n\nThe ferry leaves at 9 every weekday from pier 4.\n\n"
        "## Tickets\n\nA ferry ticket costs 12 crowns and is sold at pier 4.\n"
    )
    assert demo.main(["--documents", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("12 crowns") >= len(ENDPOINTS)


@pytest.mark.parametrize("folder", [".", "missing"])
def test_a_folder_without_documents_is_a_users_mistake(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--documents", str(tmp_path / folder)]) == 2
    assert "no .md or .txt file" in capsys.readouterr().err


def broken_stream(self: Any, question: str, notes: Any) -> Any:
    yield from ()
    raise ConnectionResetError("the network went")


def forgetful(ask: Any) -> Any:
    def forget(self: Any, question: str, notes: Any) -> Any:
        self._history.clear()
        yield from ask(self, question, notes)

    return forget


@pytest.mark.parametrize(
    ("place", "name", "broken", "said"),
    [
        (Dialogue, "ask", broken_stream, "the network went"),
        (Dialogue, "ask", forgetful(Dialogue.ask), "not in the same conversation"),
        (demo, "query", lambda *_: ("25 days", []), "no sources"),
        (demo, "query", lambda *_: ("", []), "answer is empty"),
    ],
)
def test_an_agent_that_fails_fails_the_demo(
    place: Any,
    name: str,
    broken: Any,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(place, name, broken)
    monkeypatch.setattr(demo, "ENDPOINTS", {"bluenexus": demo.ENDPOINTS["bluenexus"]})
    assert demo.main([]) == 1
    assert said in capsys.readouterr().out


def test_an_answer_without_the_topic_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = demo.USUAL
    script = demo.Script(usual.question, "Say: Hello there.", usual.topic)
    monkeypatch.setattr(demo, "_script", lambda *_: script)
    monkeypatch.setattr(demo, "ENDPOINTS", {"bluenexus": demo.ENDPOINTS["bluenexus"]})
    assert demo.main([]) == 1
    assert "lost the topic" in capsys.readouterr().out


def test_every_agent_is_there() -> None:
    from remote_agents_demo.chain import MODELS

    assert set(MODELS) == set(engine.LLMS) == set(ENDPOINTS)
