"""Saves an Excel file as it arrives: piece by piece, and under its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pydantic_core import from_json

from remote_agents.errors import (
    AgentError,
    AgentTimeoutError,
    ConfigurationError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.extras import require
from remote_agents.flow import Do, Download, Flow, Request
from remote_agents.wire.failures import body_failure, error_message
from remote_agents.written_files import file_to_write

if TYPE_CHECKING:
    from remote_agents.agent import Agent

MAGIC = b"PK\x03\x04"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# A compressed body could not be compared with its Content-Length.
HEADERS = {"Accept": f"{TYPE}, */*", "Accept-Encoding": "identity"}
LONGEST_REFUSAL = 64 * 1024


def save(agent: Agent, url: str, path: str | os.PathLike[str], progress: bool) -> Flow[int]:
    """Download an Excel file to a path; gives its size.

    Raises:
        ConfigurationError: The path cannot be written, or there is no progress bar.
        AgentError: What came is no Excel file, or not all of it came; the path is as it was.
    """
    return _save(agent, url, file_to_write(path), _bar_class() if progress else None)


def _save(agent: Agent, url: str, target: Path, bar_class: object) -> Flow[int]:
    part = target.with_name(f".{target.name}.{os.urandom(4).hex()}.part")
    # Of a new file's rights the system takes away what the process's mask says.
    opener = partial(os.open, mode=0o600 if target.exists() else 0o666)
    try:
        file = open(part, "xb", buffering=1 << 20, opener=opener)  # noqa: SIM115 - closed below
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error}.") from error
    try:
        with file:
            body = Body(file, bar_class)
            with contextlib.closing(body):
                yield from _receive(agent, url, body, target)
        if not (yield Do(partial(_settle, part, target), blocks=True)):
            raise StreamInterruptedError(body.broke_off(target), endpoint=agent.endpoint.name)
        return body.size
    finally:
        with contextlib.suppress(OSError):  # it was moved, if the caller knows it or not
            part.unlink()


def _receive(agent: Agent, url: str, body: Body, target: Path) -> Flow[None]:
    request = Request("GET", url, headers=HEADERS, safe=True)
    try:
        yield Download(request, body.write)
    except (StreamInterruptedError, AgentTimeoutError) as error:
        if body.size:
            error.args = (body.broke_off(target),)
        raise
    body.end()
    if body.refusal is not None:
        raise _refused(agent, bytes(body.refusal))
    if body.expected is not None and body.size != body.expected:
        raise StreamInterruptedError(body.broke_off(target), endpoint=agent.endpoint.name)


def _refused(agent: Agent, said: bytes) -> AgentError:
    """The error for a body that is no Excel file."""
    try:
        data: Any = from_json(said)
    except ValueError:
        data = said.decode("utf-8", "replace")
    if failure := body_failure(data, context=agent.context, whole=True):
        return failure
    words = error_message(data) or "an empty body"
    return StreamProtocolError(
        f"{agent.endpoint.title} sent no Excel file but: {words[:300]}. Nothing was saved.",
        endpoint=agent.endpoint.name,
    )


def _settle(part: Path, target: Path) -> bool:
    """Move the file to its name, if its end is there: what closes a zip file stands last."""
    import zipfile

    if not zipfile.is_zipfile(part):
        return False
    if target.exists():
        os.chmod(part, target.stat().st_mode & 0o777)
    os.replace(part, target)
    return True


class Body:
    """Writes what arrives; keeps the beginning of what is no Excel file, to say what it was."""

    def __init__(self, file: BinaryIO, bar_class: Any) -> None:
        self.size = 0
        self.expected: int | None = None
        self.refusal: bytearray | None = None
        self._file = file
        self._head = b""
        self._bar_class = bar_class
        self._bar: Any = None

    def write(self, chunk: bytes, headers: Mapping[str, str]) -> None:
        """Take the next piece."""
        if self.size == 0 and self.refusal is None:
            self._head += chunk
            if len(self._head) < len(MAGIC):
                return
            chunk = self._begin(headers)
        if self.refusal is not None:
            self.refusal += chunk[: LONGEST_REFUSAL - len(self.refusal)]
            return
        self._file.write(chunk)
        self.size += len(chunk)
        if self._bar is not None:
            self._bar.update(len(chunk))

    def _begin(self, headers: Mapping[str, str]) -> bytes:
        head, self._head = self._head, b""
        if not head.startswith(MAGIC):
            self.refusal = bytearray()
        length = headers.get("content-length", "")
        plain = headers.get("content-encoding", "identity") == "identity"
        self.expected = int(length) if plain and length.isdigit() else None
        if self._bar_class is not None and self.refusal is None:
            self._bar = self._bar_class(
                total=self.expected, unit="B", unit_scale=True, desc="export"
            )
        return head

    def broke_off(self, target: Path) -> str:
        """How far it came, in words."""
        of = f" of {self.expected:,}" if self.expected else ""
        return (
            f"The export broke off after {self.size:,}{of} bytes. {target} was not written; "
            "export again."
        )

    def end(self) -> None:
        """All is here: what is too short to tell is no Excel file either."""
        if self.size == 0 and self.refusal is None:
            self.refusal = bytearray(self._head)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


def _bar_class() -> Any:
    require("progress=True", "cli", "tqdm")
    from tqdm.auto import tqdm

    return tqdm
