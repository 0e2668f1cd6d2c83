"""The server and the workers: own processes, on own cores where there are two."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent
Result = dict[str, Any]


def environment() -> dict[str, str]:
    """Ours without proxies, tracing and vendors' settings; bytecode is kept, as everywhere."""
    unwanted = (
        "PYTHONDONTWRITEBYTECODE",
        "LANGCHAIN_",
        "LANGSMITH_",
        "OPENAI_",
        "BLUENEXUS_",
        "CLOUDBASE_",
    )
    return {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(unwanted)
    }


def cores() -> list[int]:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else []


def start(module: str, core: int, *arguments: str, root: Path = ROOT) -> subprocess.Popen[bytes]:
    """`python -m module` out of a folder, on the first (0) or the last (-1) core."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env=environment() | {"PYTHONPATH": str(root)},
        bufsize=0,
    )
    if len(cores()) > 1:
        os.sched_setaffinity(process.pid, {cores()[core]})
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """Close its stdin, which ends it; insist after two seconds."""
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


class Server:
    """`with Server() as url`; `Server("tls")` has a certificate, which its `ca` vouches for."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.ca = ""

    def __enter__(self) -> str:
        self.process = start("benchmarks.server", 0, *self.arguments)
        assert self.process.stdout
        port, _, self.ca = self.process.stdout.readline().decode().strip().partition(" ")
        return f"{'https' if self.ca else 'http'}://127.0.0.1:{port}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        stop(self.process)


class Workers:
    """One living process a library; a fresh one where memory is measured.

    Args:
        url: The server's.
        root: The folder with the code to measure.
    """

    def __init__(self, url: str, root: Path = ROOT) -> None:
        self.url, self.root = url, root
        self.living: dict[str, subprocess.Popen[bytes]] = {}

    def call(
        self, name: str, task: str, *, fresh: bool = False, limit: float = 60, **args: Any
    ) -> Result:
        """The result of one job; `{"error": ...}` where it failed or exceeded `limit` seconds."""
        library = name.removesuffix(" v3")
        if fresh:
            self.drop(library)
        if library not in self.living:
            self.living[library] = start("benchmarks.worker", -1, root=self.root)
        job = {"name": name, "task": task, "url": self.url, "args": args}
        result = ask(self.living[library], job, limit)
        if fresh or result.get("lost"):
            self.drop(library)
        return result

    def drop(self, name: str) -> None:
        if process := self.living.pop(name, None):
            stop(process)

    def close(self) -> None:
        for name in list(self.living):
            self.drop(name)


def ask(process: subprocess.Popen[bytes], job: Result, limit: float) -> Result:
    """One line in, one line out."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(job).encode() + b"\n")
    except BrokenPipeError:
        return {"error": "the worker is gone", "lost": True}
    if not select.select([process.stdout], [], [], limit)[0]:
        process.kill()
        return {"error": f"not finished after {limit:.0f} s", "lost": True}
    line = process.stdout.readline()
    return json.loads(line) if line else {"error": "the worker died", "lost": True}
