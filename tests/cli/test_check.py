"""`check`: what works, and what is wrong."""

import io
import re
import sys
from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from tests.cli.conftest import Cli, lines


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_check_of_a_working_agent(endpoint: str, cli: Cli) -> None:
    code, out, _ = cli("check", endpoint)
    assert code == 0
    for step in ("configuration", "host", "API", "key", "agent", "answer", "first token"):
        assert re.search(rf"^✓ {step} ", out, re.MULTILINE), step
    assert re.search(r"first token +\d\.\d\d s", out)
    steps = [row for row in lines(cli("check", endpoint, "--json")[1]) if row["type"] == "step"]
    assert all(step["ok"] for step in steps)
    for fact, has in (("reasoning", "reasons"), ("citations", "cites")):
        mark = "✓" if getattr(ENDPOINTS[endpoint], has) else "✗"
        assert f"{mark} {fact}" in out


BROKEN = {
    "host": (["--base-url", "http://127.0.0.1:9", "--set", "max_retries=0"], 3),
    "key": (["--api-key-file", "KEY"], 1),
    "agent": (["--agent-id", "11111111-2222-3333-4444-555555555555"], 1),
    "configuration": (["--base-url", "not an address"], 2),
    "API": ([], 1),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("step", BROKEN)
def test_check_says_what_is_wrong(
    step: str, endpoint: str, cli: Cli, sandbox: Sandbox, tmp_path: Path
) -> None:
    options, code = BROKEN[step]
    (tmp_path / "key").write_text("a-wrong-key")
    if step == "API":
        sandbox.wrong_content_type(endpoint=endpoint)
    options = [str(tmp_path / "key") if option == "KEY" else option for option in options]
    if step == "agent" and ENDPOINTS[endpoint].agent_in_address:
        step, options = "API", ["--base-url", f"{sandbox.agents[endpoint]['base_url']}-none"]
    got, out, _ = cli("check", endpoint, "--json", *options)
    checks = {row["check"]: row for row in lines(out)}
    assert got == code
    steps = ["configuration", "host", "API", "key", "agent", "answer"]
    reached = [name for name in steps if name in checks]
    assert reached[-1] == step
    assert [checks[name]["ok"] for name in reached] == [*[True] * (len(reached) - 1), False]
    advice = {"host": "base_url", "key": "_API_KEY", "agent": "agent_id", "API": "base_url"}
    assert advice.get(step, "https://") in checks[step]["detail"]
    assert [*checks] == reached, "nothing comes below what to do"


def test_a_terminal_without_ticks_is_told_apart_too(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written := io.BytesIO(), "ascii"))
    cli("check", "bluenexus")
    sys.stdout.flush()
    assert b"\n+ temperature" in written.getvalue()
    assert b"\nx files" in written.getvalue()
