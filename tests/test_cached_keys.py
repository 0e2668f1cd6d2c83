"""What `cached_key` keeps, for how long, and for whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remote_agents import cached_key


def counted(*tokens: Any) -> tuple[Any, list[Any]]:
    left = list(tokens)
    return cached_key(lambda: left.pop(0)), left


def test_a_token_is_kept_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("remote_agents.keys.time.monotonic", lambda: now[0])
    key, left = counted(("a", 100.0), ("b", 3600.0), "c")
    assert key().get_secret_value() == "a"
    now[0] += 89
    assert key().get_secret_value() == "a"
    now[0] += 2  # the last tenth of its life is spared
    assert key().get_secret_value() == "b"
    now[0] += 3541  # the last minute, of a longer one
    assert key().get_secret_value() == "c"
    now[0] += 1e9
    assert key().get_secret_value() == "c"
    assert left == []


def test_only_the_token_that_was_refused_is_dropped() -> None:
    key, _ = counted("a", "b", "c")
    first = key()
    key.drop(first)
    assert key().get_secret_value() == "b"
    key.drop(first)  # a slow turn that still had the old one
    key.drop(None)
    assert key().get_secret_value() == "b"


async def test_async_functions_are_called_once_for_many_tasks() -> None:
    calls = 0

    async def fetch() -> tuple[str, float]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return f"t-{calls}", 3600.0

    key = cached_key(fetch)
    tokens = await asyncio.gather(*(key() for _ in range(50)))
    assert {token.get_secret_value() for token in tokens} == {"t-1"}


def test_a_failure_is_not_kept() -> None:
    answers: list[Any] = [ValueError("later"), "a"]

    def fetch() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    key = cached_key(fetch)
    with pytest.raises(ValueError, match="later"):
        key()
    assert key().get_secret_value() == "a"
