"""An output that ends before the command does: its reader leaves, or a disk is full."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox

ASK = ["ask", "bluenexus", "Count to 3000"]
COMMANDS = [
    ASK,
    [*ASK, "--json"],
    ["agents", "bluenexus"],
    ["check", "bluenexus"],
    ["--help"],
    ["--version"],
    ["sandbox", "--port=0", "--print-env"],
]


def run(sandbox: Sandbox, arguments: list[str], into: str) -> "subprocess.CompletedProcess[str]":
    command = shlex.join([sys.executable, "-m", "remote_agents.cli", *arguments])
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} {into}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", **sandbox.env()},
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_leaves_is_no_error(arguments: list[str], sandbox: Sandbox) -> None:
    done = run(sandbox, arguments, "| true")
    assert (done.stderr, done.returncode) == ("", 141)


@pytest.mark.parametrize("arguments", [[*ASK, "--json"], ["check", "bluenexus"]], ids=" ".join)
def test_a_reader_may_leave_after_the_first_line(arguments: list[str], sandbox: Sandbox) -> None:
    done = run(sandbox, arguments, "| head -n 1")
    assert (done.stdout.count("\n"), done.stderr, done.returncode) == (1, "", 141)


def test_whoever_reads_the_errors_may_leave_too(sandbox: Sandbox) -> None:
    done = run(sandbox, ["ask", "bluenexus", "Hello"], "2>&1 >/dev/null | true")
    assert (done.stderr, done.returncode) == ("", 141)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_is_one_line(arguments: list[str], sandbox: Sandbox) -> None:
    done = run(sandbox, arguments, "> /dev/full")
    said = "The output cannot be written: No space left on device.\n"
    assert (done.stderr, done.returncode) == (said, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_takes_no_recording(sandbox: Sandbox) -> None:
    record = ["record", "bluenexus", "--question", "Hello", "--yes", "--to", "/dev/full"]
    done = run(sandbox, record, "")
    assert done.stderr.endswith("\n/dev/full cannot be written: No space left on device.\n")
    assert (done.stderr.count("\n"), done.returncode) == (2, 1)


def test_whoever_watches_the_demo_may_leave(sandbox: Sandbox) -> None:
    done = run(sandbox, ["demo"], "| head -n 1")
    assert (done.stderr, done.returncode) == ("", 141)
