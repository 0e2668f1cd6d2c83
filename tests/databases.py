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

Check = Callable[[int], bool]  # does the server on this port answer?
Process = subprocess.Popen[bytes]


class Unavailable(Exception):
    """The server is not installed on this machine."""


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Run a fresh cluster and give its SQLAlchemy URL."""
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
            "synchronous_commit": "off",
            "full_page_writes": "off",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [server, "-D", data, *options, "-p"]
        with _server(command, folder, _postgres_answers, **as_user) as port:
            yield f"postgresql+psycopg://agents@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run an empty Redis that writes nothing to disk and give its URL."""
    server = shutil.which("redis-server")
    if server is None:
        raise Unavailable("Redis is not installed. On Debian: apt-get install redis-server")
    with _folder("redis-") as folder:
        command = [server, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]
        with _server(command, folder, _redis_answers) as port:
            yield f"redis://127.0.0.1:{port}/0"


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
def _server(command: list[str], folder: str, answers: Check, **options: Any) -> Iterator[int]:
    """Run `command PORT` until the block ends."""
    process, port = _start(command, folder, answers, **options)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGINT)  # to PostgreSQL: do not wait for clients
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(command: list[str], folder: str, answers: Check, **options: Any) -> tuple[Process, int]:
    log = Path(folder, "log")
    for _ in range(3):  # another process may take the free port before the server does
        port = free_port()
        with log.open("wb") as output:
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
                return process, port
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
