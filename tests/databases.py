"""A private PostgreSQL and a private Redis on loopback, each as long as a `with` block lasts."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

Check = Callable[[int], bool]  # does the server on this port answer?
Process = subprocess.Popen[bytes]
# What is not installed leaves a test out, and fails it where all have to run.
Unavailable: type[BaseException] = (pytest.fail if os.environ.get("CI") else pytest.skip).Exception


class Server:
    """A running server that can be killed, frozen and started again on its port."""

    def __init__(self, start: Callable[[int], Process], url: str) -> None:
        self._start = start
        self.port = free_port()
        self.url = url.format(port=self.port)
        self.start()

    def start(self) -> None:
        """Run it, and wait until it answers."""
        self._process = self._start(self.port)

    def stop(self) -> None:
        """End it in good order."""
        self._process.send_signal(signal.SIGINT)  # to PostgreSQL: do not wait for clients
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it, as a power cut would: with all its children."""
        self.signal(signal.SIGKILL)
        self._process.wait()

    def signal(self, number: int) -> None:
        """Send a signal to it and its children."""
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it for a while, its connections left open."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self._process.pid)
            return [parent, *parent.children(recursive=True)]
        return []


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a fresh cluster and give its SQLAlchemy URL."""
    with postgres_server() as server:
        yield server.url


@contextlib.contextmanager
def postgres_server() -> Iterator[Server]:
    """Run a fresh cluster."""
    initdb, server = _postgres_binary("initdb"), _postgres_binary("postgres")
    with _folder("postgres-") as folder:
        as_user = _unprivileged(folder)
        data = f"{folder}/data"
        create = [
            initdb,
            "-D",
            data,
            "-U",
            "agents",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(create, check=True, capture_output=True, cwd=folder, **as_user)
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [server, "-D", data, *options, "-p"]
        url = "postgresql+psycopg://agents@127.0.0.1:{port}/postgres"
        with _server(command, url, folder, _postgres_answers, **as_user) as running:
            yield running


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run an empty Redis that writes nothing to disk and give its URL."""
    with redis_server() as running:
        yield running.url


@contextlib.contextmanager
def redis_server() -> Iterator[Server]:
    """Run an empty Redis that writes nothing to disk."""
    server = shutil.which("redis-server")
    if server is None:
        raise Unavailable("Redis is not installed. On Debian: apt-get install redis-server")
    with _folder("redis-") as folder:
        command = [server, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]
        url = "redis://127.0.0.1:{port}/0"
        with _server(command, url, folder, _redis_answers) as running:
            yield running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_binary(name: str) -> str:
    # Debian keeps the server's programs off the path, one folder a version.
    versions = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    newest = max(versions, key=lambda path: float(path.split("/")[4]), default=None)
    found = newest or shutil.which(name)
    if found is None:
        raise Unavailable("PostgreSQL is not installed. On Debian: apt-get install postgresql")
    return found


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix=prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged(folder: str) -> dict[str, Any]:
    """Give the folder to a user for the server to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def _server(
    command: list[str], url: str, folder: str, answers: Check, **options: Any
) -> Iterator[Server]:
    """Run `command PORT` until the block ends."""
    server = _try(lambda: Server(lambda port: _start(command, port, folder, answers, options), url))
    try:
        yield server
    finally:
        server.stop()


def _try(make: Callable[[], Server]) -> Server:
    for _ in range(2):  # another process may take the free port before the server does
        with contextlib.suppress(RuntimeError):
            return make()
    return make()


def _start(
    command: list[str], port: int, folder: str, answers: Check, options: dict[str, Any]
) -> Process:
    log = Path(folder, "log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, str(port)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            **options,
        )
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        if answers(port):
            return process
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise RuntimeError(f"{command[0]} does not start:\n{log.read_text(errors='replace')}")


def _postgres_answers(port: int) -> bool:
    check = [_postgres_binary("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(check, check=False).returncode == 0


def _redis_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
