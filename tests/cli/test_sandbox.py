"""`remote-agents sandbox`, as it is started and ended."""

import subprocess
import sys

import pytest

from tests.cli.conftest import Cli

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


@pytest.mark.parametrize("host", ["300.1.1.1", "no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_cannot_be_listened_on_is_named(host: str, cli: Cli) -> None:
    code, out, err = cli("sandbox", "--port=0", "--host", host)
    assert (code, out) == (2, "")
    assert f"--host {host} is no address of this machine (" in err
