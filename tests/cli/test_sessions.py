"""`ask --session NAME --new`: a dialogue that begins anew."""

from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from tests.cli.conftest import QUESTION, Cli, lines

WORK = ("--session", "work", "--json")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_a_session_begins_anew(cli: Cli) -> None:
    first, _, third, fourth = (
        lines(cli("ask", "maiagent", text, *WORK, *options)[1])[-1]
        for text, options in ((QUESTION, []), ("Hello", []), ("Hello", ["--new"]), ("Hello", []))
    )
    assert first["conversation_id"] != third["conversation_id"] == fourth["conversation_id"]


def test_a_session_that_is_not_known_may_be_new(cli: Cli) -> None:
    assert cli("ask", "maiagent", QUESTION, *WORK, "--new")[0] == 0


@pytest.mark.parametrize("endpoint", ["bluenexus", "maiagent", "private_ai"])
def test_a_conversation_that_the_service_lost_is_begun_anew(
    endpoint: str, cli: Cli, sandbox: Sandbox
) -> None:
    first = lines(cli("ask", endpoint, QUESTION, *WORK)[1])[-1]
    sandbox.expire_conversations()
    code, out, err = cli("ask", endpoint, "And part-time staff?", "--session", "work")
    assert (code, out.strip()) == (1, "")
    assert err.endswith(
        "or forget the session. On the command line, --session NAME --new begins it anew.\n"
    )
    assert err.count("\n") == 1
    code, out, _ = cli("ask", endpoint, "And part-time staff?", *WORK, "--new")
    assert code == 0
    assert lines(out)[-1]["conversation_id"] != first["conversation_id"]
    assert cli("ask", endpoint, "Hello", *WORK)[0] == 0


@pytest.mark.parametrize(
    "options", [[], ["--session", "a", "--resume"], ["--session", "a", "--conversation", "c"]]
)
def test_new_says_of_which_session(options: list[str], cli: Cli, sandbox: Sandbox) -> None:
    code, out, err = cli("ask", "maiagent", "Hello", "--new", *options)
    assert (code, out) == (2, "")
    assert "--new goes with --session NAME" in err
    assert sandbox.requests() == []
