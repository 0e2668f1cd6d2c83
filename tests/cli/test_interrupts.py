"""An agent that waits for a person asks whoever sits before the terminal."""

import io
from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from tests.cli.conftest import Cli, lines

LEFT, DONE = "I left it alone: Delete it.", "Done: Delete it."
ANSWERS = [("yes", DONE), ("no", LEFT), ('{"approved": true}', DONE), ("true", DONE)]


@pytest.fixture(params=["cloudbase", "ag_ui"])
def careful(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> str:
    """A service whose agent asks before it acts."""
    approval = sandbox.agents[request.param]["approval_agent_id"]
    if request.param == "ag_ui":
        address = sandbox.env()["AG_UI_BASE_URL"].replace("handbook", approval)
        monkeypatch.setenv("AG_UI_BASE_URL", address)
    else:
        monkeypatch.setenv("CLOUDBASE_AGENT_ID", approval)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return str(request.param)


@pytest.mark.parametrize(("answer", "said"), ANSWERS)
def test_the_next_command_answers(cli: Cli, careful: str, answer: str, said: str) -> None:
    code, out, err = cli("ask", careful, "Delete it.", "--session", "work")
    assert (code, out.strip()) == (0, "")
    assert "waits for a person: May I do this: Delete it." in err
    code, out, _ = cli("ask", careful, answer, "--resume", "--session", "work")
    assert (code, out.strip()) == (0, said)


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("answer", "said"), ANSWERS)
def test_the_next_line_of_a_chat_answers(
    cli: Cli, careful: str, answer: str, said: str, as_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another dialogue amid it is no answer.
    typed = ["/session a", "Delete it.", "/session b", "Delete all.", "/session a", answer, "", ""]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(typed)))
    code, out, _ = cli("chat", careful, *(["--json"] if as_json else []))
    assert code == 0
    assert "Session a, 1 turns so far." in out
    assert "May I do this: Delete all." in out
    if as_json:
        assert lines(out)[-1]["text"] == said
    assert said in out


@pytest.mark.parametrize(
    "options", [[], ["--session", "a", "--system", "Be brief."], ["--session", "a", "--file", "a"]]
)
def test_an_answer_says_to_whom_and_nothing_besides(
    cli: Cli, careful: str, options: list[str], sandbox: Sandbox
) -> None:
    code, _, err = cli("ask", careful, "yes", "--resume", *options)
    assert code == 2
    assert "--session NAME or --conversation ID" in err
    assert sandbox.requests() == []
