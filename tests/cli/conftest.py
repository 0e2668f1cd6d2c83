import json
from collections.abc import Callable
from typing import Any

import pytest

from remote_agents.cli import main
from remote_agents.sandbox import Sandbox

Cli = Callable[..., tuple[int, str, str]]
QUESTION = "How many vacation days do I get?"


@pytest.fixture
def cli(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cli:
    """Runs a command with the sandbox in the environment: exit code, output, error output."""
    for name, value in sandbox.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return (code, *capsys.readouterr())

    return run


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]
