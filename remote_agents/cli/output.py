"""The output of a command, which may end before the command: its reader leaves, a disk is full."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

READER_LEFT = 141


@contextmanager
def watched_output() -> Iterator[None]:
    """End the program with an exit code, and without a traceback, where it cannot be written.

    Raises:
        SystemExit: The reader of the output left (141), or it cannot be written (1).
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Watched(each)) if each else each for each in before)
    try:
        yield
    finally:
        try:
            if sys.stdout:
                sys.stdout.flush()  # what failed only when Python ends would be a traceback
        finally:
            sys.stdout, sys.stderr = before


class _Watched:
    """A stream of text that ends the program where it cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._code: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text."""
        written: int = self._try(lambda: self._stream.write(text))
        return written

    def flush(self) -> None:
        """Write what is held back, if anything can be written still."""
        if self._code is None:
            self._try(self._stream.flush)

    def _try(self, call: Callable[[], Any]) -> Any:
        # No OSError: Rich and typer would make a code of their own of a reader that left.
        if self._code is not None:
            raise SystemExit(self._code)
        try:
            return call()
        except OSError as error:
            self._code = READER_LEFT if isinstance(error, BrokenPipeError) else 1
            self._drop()
            if self._code != READER_LEFT:
                _say(f"The output cannot be written: {error.strerror or error}.")
            raise SystemExit(self._code) from None

    def _drop(self) -> None:
        """Let what is still held back go nowhere, so that it does not fail again."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def _say(problem: str) -> None:
    with suppress(SystemExit):
        print(problem, file=sys.stderr)
