"""The Python blocks of a Markdown page, and how they are run: in order, in one namespace.

A ```` ```text ```` block right after a Python block is what it prints (`...` stands for anything).
`<!-- not run: reason -->` before a block keeps it from being run.
Blocks may `await`, as cells of a notebook may.
"""

import ast
import asyncio
import contextlib
import doctest
import gc
import inspect
import io
import re
import textwrap
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

FENCE = re.compile(
    r"^(?P<indent>[ ]*)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """A Python block of a page, the line it starts at, and what it prints."""

    code: str
    line: int
    run: bool = True
    output: str | None = None


def blocks_of(page: str) -> list[Block]:
    """The Python blocks of a page, in order."""
    fences = list(FENCE.finditer(page))
    return [
        _block(page, fence, following)
        for fence, following in zip_longest(fences, fences[1:])
        if _language(fence) == "python"
    ]


def _language(fence: re.Match[str]) -> str:
    return fence["info"].strip().split(" ")[0].split("{")[0]


def _block(page: str, fence: re.Match[str], following: re.Match[str] | None) -> Block:
    output = None
    if following and _language(following) == "text":
        between = page[fence.end() : following.start()]
        output = textwrap.dedent(following["body"]) if not between.strip() else None
    return Block(
        textwrap.dedent(fence["body"]),
        page.count("\n", 0, fence.start()) + 2,
        NOT_RUN.search(page[: fence.start()]) is None,
        output,
    )


class Runner:
    """Runs blocks one after the other, as a notebook runs its cells."""

    def __init__(self, page: Path) -> None:
        self._page = page
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *exc: object) -> None:
        # Here, so that what a page left open is that page's failure and no other's.
        self._names.clear()
        gc.collect()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def run(self, block: Block) -> str:
        """Run a block; what it printed."""
        printed = io.StringIO()
        # Lines before it, so that a traceback shows the line of the page.
        source = "\n" * (block.line - 1) + block.code
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, str(self._page), "exec", flags=flags, dont_inherit=True)
        with contextlib.redirect_stdout(printed):
            result = eval(code, self._names)  # "exec" code, or a coroutine where it awaits
            if inspect.iscoroutine(result):
                self._loop.run_until_complete(result)
        return printed.getvalue()


def difference(block: Block, printed: str) -> str | None:
    """How the printed text differs from what the page shows, if it does."""
    if block.output is None:
        return None
    checker, options = doctest.OutputChecker(), doctest.ELLIPSIS
    want, got = _tidy(block.output), _tidy(printed)
    if checker.check_output(want, got, options):
        return None
    return f"line {block.line} prints\n{got}\nwhere the page shows\n{want}"


def _tidy(text: str) -> str:
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip("\n") + "\n"
