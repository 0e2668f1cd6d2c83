"""Every command with its output, its JSON lines and its exit codes."""

import io
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import httpx
import pytest

from remote_agents import types
from remote_agents.cli import main
from remote_agents.cli.chat import KINDS
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.version import VERSION
from tests.cli.conftest import QUESTION, Cli, lines


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_ask(endpoint: str, cli: Cli) -> None:
    code, out, err = cli("ask", endpoint.replace("_", "-"), QUESTION)
    assert code == 0
    assert "25 vacation days" in out
    assert re.search(r"^\d+\.\d s", err, re.MULTILINE)
    assert not re.search(r"^\d+\.\d s|^\[1\] ", out, re.MULTILINE), "only the answer"
    if ENDPOINTS[endpoint].cites:
        assert "[1] " in err
    if ENDPOINTS[endpoint].keeps == "handed":
        assert "conversation" in err


def test_a_document_is_one_source_with_its_passages(cli: Cli) -> None:
    err = cli("ask", "maiagent", QUESTION)[2]
    assert re.findall(r"^\[\d\] (.*\)) http", err, re.MULTILINE) == ["vacation.md (2 passages)"]


def test_ask_with_a_system_message_and_a_file(cli: Cli, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The office closes at noon.")
    code, _, err = cli(
        "ask", "ag_ui", "Hello", "--system", "Be brief.", "--file", str(tmp_path / "notes.txt")
    )
    assert code == 0, err
    sent = json.dumps(sandbox.requests("ag_ui")[-1]["body"])
    assert "Be brief." in sent
    assert "notes.txt" in sent
    code, _, err = cli("ask", "ag_ui", "Hello", "--file", str(tmp_path / "none.txt"))
    assert code == 2
    assert "none.txt" in err


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"remote-agents {VERSION}\n", "")


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("endpoint", sorted(ENDPOINTS.keys() - {"ag_ui"}))
def test_agents(
    endpoint: str, known: bool, cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not known:
        monkeypatch.delenv(f"{ENDPOINTS[endpoint].env}_AGENT_ID")
    code, out, err = cli("agents", endpoint, "--json")
    assert code == 0, err
    assert sandbox.agents[endpoint]["agent_id"] in [row["id"] for row in lines(out)]
    assert sandbox.agents[endpoint]["agent_id"] in cli("agents", endpoint)[1]


def test_models(cli: Cli) -> None:
    code, out, _ = cli("models", "private_ai", "--json")
    assert code == 0
    names = [row["id"] for row in lines(out)]
    assert names
    assert names[0] in cli("models", "private_ai")[1]
    code, _, err = cli("models", "bluenexus")
    assert code == 2
    assert "BlueNexus has no models" in err


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_ask_for_machines(endpoint: str, cli: Cli) -> None:
    code, out, _ = cli("ask", endpoint, QUESTION, "--json")
    *events, finish = lines(out)
    assert code == 0
    assert finish["type"] == "finish"
    assert "25 vacation days" in finish["text"]
    assert "".join(e["text"] for e in events if e["type"] == "text") == finish["text"]
    assert finish["model_provider"] == endpoint


def test_ask_goes_on_with_a_conversation(cli: Cli) -> None:
    finish = lines(cli("ask", "maiagent", QUESTION, "--json")[1])[-1]
    again = ("--conversation", finish["conversation_id"], "--json")
    follow_up = lines(cli("ask", "maiagent", "And what about part-time staff?", *again)[1])[-1]
    assert follow_up["conversation_id"] == finish["conversation_id"]
    assert "vacation" in follow_up["text"]


SAVING = [name for name, endpoint in ENDPOINTS.items() if endpoint.keeps != "none"]


@pytest.mark.parametrize("endpoint", SAVING)
def test_ask_goes_on_with_a_session(
    endpoint: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    named = ("--session", "work", "--json")
    first = lines(cli("ask", endpoint, QUESTION, *named)[1])[-1]
    second = lines(cli("ask", endpoint, "And what about part-time staff?", *named)[1])[-1]
    other = lines(cli("ask", endpoint, "Hello", "--session", "else", "--json")[1])[-1]
    assert first["conversation_id"] == second["conversation_id"] != other["conversation_id"]
    assert "vacation" in second["text"]
    assert [path.name for path in (tmp_path / "remote-agents").iterdir()] == ["sessions.sqlite"]
    assert (tmp_path / "remote-agents").stat().st_mode & 0o077 == 0
    kept = (tmp_path / "remote-agents/sessions.sqlite").read_bytes()
    assert b"vacation" not in kept, "no text is kept"


def test_a_folder_that_cannot_be_made_keeps_no_session(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    code, out, err = cli("ask", "maiagent", QUESTION, "--session", "work")
    assert (code, out) == (2, "")
    assert "leave --session out" in err


def test_a_service_that_keeps_nothing_has_no_session(cli: Cli) -> None:
    code, out, err = cli("ask", "cloudbase_openai", QUESTION, "--session", "work")
    assert (code, out) == (2, "")
    assert "remote-agents chat" in err


def test_a_question_from_the_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Say: from a pipe"))
    assert "from a pipe" in cli("ask", "bluenexus", "-")[1]


def test_an_answer_cannot_steer_the_terminal(cli: Cli) -> None:
    out = cli("ask", "bluenexus", "Say: a\x1b]0;title\x07b [red]c[/red]")[1]
    assert "a]0;titleb [red]c[/red]" in out


WRONG = {
    "key": (["--api-key-file", "KEY"], 1, "MAIAGENT_API_KEY"),
    "agent": (["--agent-id", "nobody"], 1, "agent_id (nobody)"),
    "host": (["--base-url", "http://127.0.0.1:9", "--set", "max_retries=0"], 3, "Check base_url"),
    "no key file": (["--api-key-file", "/missing"], 2, "cannot be read"),
    "empty key file": (["--api-key-file", "/dev/null"], 2, "the file is empty"),
    "http": (["--base-url", "http://example.com"], 2, "unencrypted"),
    "no setting": (["--set", "nonsense"], 2, "NAME=VALUE"),
    "unknown setting": (["--set", "sendr=x"], 2, "'sender'"),
    "setting that is no text": (
        ["--set", "agent_id=[1]"],
        2,
        "agent_id: it should be a valid string",
    ),
    "setting that is no number": (["--set", "session_wait=long"], 2, "session_wait is a number"),
    "setting of Python": (["--set", "fold=x"], 2, "command line"),
    "setting that is no mapping": (
        ["--set", "extra_body=5"],
        2,
        "extra_body: it should be a valid dict",
    ),
    "timeout": (["--set", "timeout=soon"], 2, "not 'soon'"),
    "a limit of the timeout": (["--set", 'timeout={"idle": "x"}'], 2, "idle='x'"),
    "no limit of the timeout": (["--set", 'timeout={"idel": 1}'], 2, "not idel"),
    "key as setting": (["--set", "api_key=x"], 2, "--api-key-file"),
    "key as option": (["--api-key", "x"], 2, "--api-key-file"),
}

# MaiAgent's conversations are an account's, not an agent's.
MISTAKES = [
    (command, mistake)
    for command in ("ask", "conversations", "chat")
    for mistake in WRONG
    if (command, mistake) != ("conversations", "agent")
]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(("command", "mistake"), MISTAKES)
def test_a_mistake_is_one_message_and_a_code(
    command: str,
    mistake: str,
    as_json: bool,
    cli: Cli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options, code, said = WRONG[mistake]
    (tmp_path / "key").write_text("a-wrong-key\n")
    options = [str(tmp_path / "key") if option == "KEY" else option for option in options]
    monkeypatch.setattr(sys, "stdin", io.StringIO(QUESTION))
    arguments = [command, "maiagent", *([QUESTION] if command == "ask" else []), *options]
    got, out, err = cli(*arguments, *(["--json"] if as_json else []))
    assert got == code
    assert said in out + err
    assert "Traceback" not in out + err
    assert "a-wrong-key" not in out + err
    if as_json and mistake != "key as option":
        assert lines(out)[-1]["type"] == "error"


def test_an_unknown_endpoint_names_the_known_ones(cli: Cli) -> None:
    code, _, err = cli("ask", "bluenexsus", QUESTION)
    assert code == 2
    assert all(name in err for name in ENDPOINTS)


# --- with less installed -------------------------------------------------------------------------


def without(missing: list[str], *arguments: str) -> "subprocess.Popen[str]":
    script = (
        f"import sys\nfor name in {missing!r}: sys.modules[name] = None\n"
        f"from remote_agents.cli import main\nsys.exit(main({list(arguments)!r}))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("missing", "arguments", "advice"),
    [
        (["typer"], ["ask", "bluenexus", "hi"], 'pip install "remote-agents[cli]"'),
        (["rich"], [], 'pip install "remote-agents[cli]"'),
        (["starlette"], ["sandbox"], 'pip install "remote-agents[sandbox]"'),
        (
            ["llama_index"],
            ["demo"],
            'pip install "remote-agents[langchain,llamaindex,sandbox,cli]"',
        ),
    ],
)
def test_what_is_not_installed_is_named(
    missing: list[str], arguments: list[str], advice: str
) -> None:
    process = without(missing, *arguments)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert err.count("\n") == 1
    assert advice in err
    assert missing[0] in err


def test_the_sandbox_needs_neither_typer_nor_rich() -> None:
    process = without(["typer", "rich"], "sandbox", "--port=0")
    assert process.stdout is not None
    try:
        greeting = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert greeting
        agents = httpx.get(greeting[0], trust_env=False).json()["agents"]
        assert {*agents} == {*ENDPOINTS}
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name in (
        "chat",
        "ask",
        "check",
        "conform",
        "sandbox",
        "demo",
        "conversations",
        "messages",
        "records",
    ):
        assert name in out
    assert main(["nonsense"]) == 2


def test_each_event_has_a_name_in_the_lines() -> None:
    silent = {types.Info, types.ToolCallDelta, types.Finish}
    assert {*KINDS} == {*get_args(types.Event)} - silent


def test_the_page_names_the_types_of_all_lines() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs/cli.md").read_text("utf-8").split())
    events = re.search(r"\(`type` is ([^)]*)\)", page)
    assert events
    assert sorted(re.findall(r"`(\w+)`", events[1])) == sorted(KINDS.values())
    for other in ("finish", "note"):
        assert f"of type `{other}`" in page
