"""Whether two values are the same but for stand-ins."""

import re
from dataclasses import asdict, is_dataclass
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_ID = re.compile(r"(?=.*\d)[^\s]{6,}")


class Alike:
    """Compares values; the same word must always have the same other."""

    def __init__(self) -> None:
        self.others: dict[str, str] = {}

    def check(self, before: Any, after: Any) -> None:
        if is_dataclass(before) and not isinstance(before, type):
            assert type(before) is type(after)
            self.check(asdict(before), asdict(after))
        elif isinstance(before, dict):
            assert [*before] == [*after] or len(before) == len(after)
            for one, other in zip(before.values(), after.values(), strict=True):
                self.check(one, other)
        elif isinstance(before, (list, tuple)):
            assert len(before) == len(after)
            for one, other in zip(before, after, strict=True):
                self.check(one, other)
        elif isinstance(before, str):
            self._texts(before, after)
        elif isinstance(before, (int, float)) and not isinstance(before, bool):
            assert len(str(before)) == len(str(after)) or isinstance(before, float)
        else:
            assert before == after

    def _texts(self, before: str, after: str) -> None:
        assert len(before) == len(after), (before, after)
        assert _WORD.sub("", before) == _WORD.sub("", after)
        if _ID.fullmatch(before):  # the caller's own may be another
            assert self.others.setdefault(before, after) == after
            return
        for one, other in zip(_WORD.findall(before), _WORD.findall(after), strict=True):
            assert self.others.setdefault(one, other) == other, one
