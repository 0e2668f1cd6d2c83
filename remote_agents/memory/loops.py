"""Which loop reads a stream, and whether it stands around whoever asks now.

Python keeps a stream that was left by `break` as long as a name holds it, and tells nobody that it
was left. But the loop that read it is known: whoever asks from inside of it would wait for himself,
and whoever asks behind it has left it. Where this cannot be told, time tells.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Iterator
from types import CodeType, FrameType

_WAITING = frozenset(
    ("GET_ANEXT", "LOAD_CONST", "SEND", "YIELD_VALUE", "YIELD_FROM", "RESUME", "NOP", "CACHE")
)


class Loops:
    """The places at which a stream is being read: of its loop, and of all that called this."""

    def __init__(self) -> None:
        self._places = [(frame.f_code, frame.f_lasti) for frame in _callers()]

    def around(self) -> bool | None:
        """Whether whoever calls this stands inside of the loop; False behind it, else None."""
        known = None
        for frame in _callers():
            for place in (at for code, at in self._places if code is frame.f_code):
                body = _body_of(frame.f_code, place) or range(sys.maxsize, sys.maxsize)
                if frame.f_lasti in body:
                    return True
                if frame.f_lasti >= body.stop:
                    known = False
        return known


def _callers() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    for _ in range(2):  # this, and who calls it
        frame = frame.f_back if frame is not None else None
    while frame is not None:
        yield frame
        frame = frame.f_back


def _body_of(code: CodeType, place: int) -> range | None:
    """Where the body of a loop stands, if that is where the loop takes its next item.

    It ends with the last jump back to the head. One that never goes round ends nowhere.
    """
    instructions = list(dis.get_instructions(code))
    before = sum(each.offset <= place for each in instructions)
    heads = _heads(instructions[:before])
    ends = [each.offset for each in instructions if "JUMP" in each.opname and each.argval in heads]
    # What takes the next item stands, as Python 3.12 sees it, also behind itself once it is quick.
    return range(instructions[before].offset, max(ends) + 1) if ends else None


def _heads(before: list[dis.Instruction]) -> tuple[int, ...]:
    """Where a loop goes back to for its next item, if the last of these takes one."""
    if before and before[-1].opname == "FOR_ITER":
        return (before[-1].offset,)
    while before and before[-1].opname in _WAITING:
        last = before.pop()
        if last.opname == "GET_ANEXT":  # of `async for`
            return last.offset, last.offset - 2
    return ()
