"""`remote-agents sandbox`, as it is started and ended."""

import subprocess
import sys

import pytest

AT_ONCE = """
import builtins, os, signal, sys
from remote_agents.cli import main

say = print
def print(*words, **options):
    say(*words, **options)
    os.kill(os.getpid(), signal.SIGINT)
builtins.print = print
sys.exit(main(["sandbox", "--port=0"]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself a Ctrl-C there")
def test_ctrl_c_ends_it_from_the_moment_its_addresses_are_printed() -> None:
    command = [sys.executable, "-c", AT_ONCE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert "The sandbox answers at" in done.stdout
    assert (done.stderr, done.returncode) == ("", 0)
