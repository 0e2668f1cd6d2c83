"""`conversations`, `messages` and `records`: what a service holds."""

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import openpyxl
import pytest

from remote_agents.sandbox import Sandbox
from tests.cli.conftest import QUESTION, Cli, lines


@pytest.mark.parametrize("endpoint", ["cloudbase", "bluenexus", "maiagent"])
def test_conversations_and_messages(
    endpoint: str, cli: Cli, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.expire_conversations()
    options = ["--set", "memory=server"] if endpoint == "cloudbase" else []
    finish = lines(cli("ask", endpoint, QUESTION, "--json", *options)[1])[-1]
    code, out, _ = cli("conversations", endpoint, "--json")
    assert code == 0
    assert finish["conversation_id"] in [row["id"] for row in lines(out)]
    assert finish["conversation_id"] in cli("conversations", "list", endpoint)[1]

    code, out, _ = cli("messages", endpoint, finish["conversation_id"], "--json")
    assert code == 0
    assert {row["role"] for row in lines(out)} == {"user", "assistant"}
    assert "25 vacation days" in cli("messages", endpoint, finish["conversation_id"])[1]
    assert (
        len(lines(cli("messages", endpoint, finish["conversation_id"], "--json", "--limit=1")[1]))
        == 1
    )

    monkeypatch.setenv("COLUMNS", "40")  # an id is folded there, never cut short
    first_column = re.findall(r"^│ (\S+)", cli("conversations", endpoint)[1], re.MULTILINE)
    assert finish["conversation_id"] in "".join(first_column)


def test_a_conversation_is_deleted(cli: Cli) -> None:
    finish = lines(cli("ask", "bluenexus", QUESTION, "--json")[1])[-1]
    assert cli("conversations", "delete", "bluenexus", finish["conversation_id"])[0] == 0
    left = lines(cli("conversations", "bluenexus", "--json")[1])
    assert finish["conversation_id"] not in [row["id"] for row in left]


TODAY = datetime.now(timezone.utc).date()
DAYS = (f"--start={TODAY - timedelta(days=1)}", f"--end={TODAY + timedelta(days=1)}")


def test_records(cli: Cli) -> None:
    cli("ask", "maiagent", QUESTION)
    code, out, _ = cli("records", "maiagent", *DAYS, "--json", "--user-message=vacation")
    assert code == 0
    assert QUESTION in [row["input_message"] for row in lines(out)]
    code, out, _ = cli("records", "maiagent", *DAYS)
    assert code == 0
    assert QUESTION in out


def test_records_as_excel(cli: Cli, tmp_path: Path) -> None:
    cli("ask", "maiagent", QUESTION)
    path = tmp_path / "records.xlsx"
    code, out, err = cli("records", "export", "maiagent", str(path), *DAYS)
    assert code == 0
    assert f"{path.stat().st_size:,} bytes" in out
    assert "%" in err or "B/s" in err  # the bar
    cells = [cell for row in openpyxl.load_workbook(path).active.values for cell in row]
    assert QUESTION in cells
    code, out, err = cli("records", "export", "maiagent", str(path), *DAYS, "--json")
    assert lines(out) == [{"path": str(path), "bytes": path.stat().st_size}]
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["records", "maiagent"], "range of days"),
        (["records", "maiagent", "--start=2025-02-01", "--end=2025-01-01"], "swap them"),
        (["records", "maiagent", "--start=yesterday", "--end=2025-01-01"], "YYYY-MM-DD"),
        (["records", "bluenexus"], "BlueNexus has no records; it has agents, conversations"),
        (["agents", "ag_ui"], "has no agents; it has nothing beside the chat"),
        (["records", "cloudbase", "--start=2025-01-01"], "cannot be chosen by --start"),
        (["records", "export", "cloudbase", "x.xlsx"], "cannot export excel"),
        (["conversations", "delete", "maiagent", "c1"], "cannot delete its conversations"),
        (["conversations", "bluenexus", "--limit=0"], "limit"),
        (["messages", "bluenexus"], "conversation"),
    ],
)
def test_what_cannot_be_listed(arguments: list[str], said: str, cli: Cli) -> None:
    code, _, err = cli(*arguments)
    assert code == 2
    assert said.lower() in err.lower()  # typer's names of arguments were in capitals before 0.27
    assert "Traceback" not in err
