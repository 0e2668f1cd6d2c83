"""Servers that others wrote, each a process of an environment of its own."""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def interpreter(name: str) -> Path:
    """The Python of an environment; `make world` makes it."""
    given = os.environ.get(f"{name.upper()}_PYTHON")
    return Path(given) if given else ROOT / f".venv-{name}" / "bin" / "python"


class Server:
    """One server; `stop` and `start` again keep its port, whose socket is handed to it."""

    def __init__(self, environment: str, script: str, *arguments: str) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        program, handed = HERE / "servers" / script, str(self._socket.fileno())
        self._command = [str(interpreter(environment)), str(program), handed, *arguments]
        self.start()

    def start(self) -> None:
        # A pipe that nobody reads would stop it.
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the server
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            text=True,
            pass_fds=[self._socket.fileno()],
        )
        end = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self._said.seek(0)
                said = self._said.read()[-2000:]
                self.stop()
                self.close()
                raise RuntimeError(f"It did not start: {said}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            httpx.get(self.url, timeout=1, trust_env=False)
        except httpx.TransportError:
            return False
        return True

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._said.close()

    def close(self) -> None:
        """Give up the port."""
        self._socket.close()


@contextmanager
def served(environment: str, script: str, *arguments: str) -> Iterator[Server]:
    server = Server(environment, script, *arguments)
    try:
        yield server
    finally:
        server.stop()
        server.close()


def seen(text: str) -> list[list[Any]]:
    """The messages that a scripted model says it saw."""
    found: list[list[Any]] = json.loads(text.removeprefix("I SAW "))[0]
    return found


def options_seen(text: str) -> dict[str, Any]:
    """The options that it says it saw."""
    found: dict[str, Any] = json.loads(text.removeprefix("I SAW "))[1]
    return found


def dialogue(*questions: str) -> list[list[str]]:
    """What a model should have seen of a dialogue when it is asked its last question."""
    earlier = [part for q in questions[:-1] for part in (["human", q], ["ai", "..."])]
    return [*earlier, ["human", questions[-1]]]
