"""The questions of a run: what names each in the journal, and which wait for each other."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from remote_agents.bulk.rows import jsonable
from remote_agents.errors import ConfigurationError
from remote_agents.memory.dialogue import is_absent
from remote_agents.memory.sessions import current_session


class Question(NamedTuple):
    """One question of a run; `key` names it in the journal."""

    key: str
    input: Any
    session_id: str | None = None


def refuse_no_questions(inputs: object, **functions: object) -> None:
    """Refuse what iterates as letters or names of columns, and what is no function of an input."""
    if isinstance(inputs, (str, bytes)):
        raise ConfigurationError("inputs is a list of questions, not a single text.")
    columns = getattr(inputs, "columns", None)
    if columns is not None and not callable(columns):
        raise ConfigurationError(
            f"inputs is a list of questions, not {type(inputs).__name__}: pass one column of it, "
            "or its rows as mappings to a chain that takes them."
        )
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ConfigurationError(
                f"{name} is a function of an input, not {type(function).__name__}."
            )


def make_questions(
    inputs: Iterable[Any],
    keys: Callable[[Any], object] | None,
    sessions: Callable[[Any], str | None] | None,
    digest: Callable[[object, object], str],
) -> Iterator[Question]:
    """The questions of some inputs; without `keys`, a digest is the key."""
    for value in inputs:
        session_id = session_of(sessions(value)) if sessions else None
        key = key_of(keys(value)) if keys else digest(value, session_id)
        yield Question(key, value, session_id)


def key_of(cell: Any) -> str:
    """The key of a question, as text.

    Raises:
        ConfigurationError: It is missing, so that all who forgot theirs would share one answer.
    """
    if is_absent(cell):
        raise ConfigurationError(f"A question's key is {cell!r}, and no key: give each its own.")
    return str(cell)


def session_of(cell: Any) -> Any:
    """The session that a cell of a table names, or None: those without one share none."""
    return None if is_absent(cell) else cell


def digests() -> Callable[[object, object], str]:
    """Names questions by content and session; the second of the same is another question.

    Those without a session of their own are of the one that is around this call. The next run finds
    the same names.

    Raises:
        ConfigurationError: From the function, for a question that no other run would know again.
    """
    seen: Counter[str] = Counter()
    around = current_session() or None

    def digest(value: object, session_id: object) -> str:
        content, kind = jsonable(_ordered(value), _lasting_text), b""
        session_id = around if session_id is None else session_id
        if session_id is not None:  # the same words of somebody else are another question
            content, kind = [str(session_id), content], b"session"  # and no list of inputs
        text = json.dumps(content, sort_keys=True)
        digest = hashlib.blake2s(text.encode(), digest_size=12, person=kind).hexdigest()
        seen[digest] += 1
        return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"

    return digest


def _ordered(value: object) -> object:
    """The same, with its sets in one order, which each process has in another."""
    try:
        return _in_order(value)
    except RecursionError:  # it holds itself
        return value


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_order(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [*map(_in_order, value)]
    if isinstance(value, (set, frozenset)):
        return sorted(map(_in_order, value), key=lambda item: json.dumps(jsonable(item)))
    return value


def _lasting_text(value: object) -> str:
    text = str(value)
    if _ADDRESS.search(text):
        raise ConfigurationError(
            f"A question holds {text[:100]}, which another run would not know again and would "
            "ask once more: pass key=, which names each question."
        )
    return text


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{4,}")


def distinct(questions: Iterable[Question]) -> Iterator[Question]:
    """The questions, each with a key of its own: under one key, one would hide the other."""
    keys = set()
    for question in questions:
        if question.key in keys:
            raise ConfigurationError(
                f"Two questions have the key {question.key!r}: give each its own."
            )
        keys.add(question.key)
        yield question


def units_of(
    questions: Iterable[Question], in_sessions: bool, around: str | None
) -> Iterator[Sequence[Question]]:
    """What one thread asks in order: the questions of one session, or a single one.

    Args:
        questions: All of them.
        in_sessions: Whether some may have a session; then all are read first.
        around: The session of those that have none of their own.
    """
    if not in_sessions and around is None:
        yield from ([question] for question in questions)
        return
    units: dict[object, list[Question]] = {}
    for question in questions:
        session_id = around if question.session_id is None else question.session_id
        alone = session_id is None
        name = question.key if alone else str(session_id)
        units.setdefault((alone, name), []).append(question)
    yield from units.values()
