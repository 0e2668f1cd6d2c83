import pytest

from remote_agents.sandbox.serving import log
from remote_agents.sandbox.serving.log import Entry, Log


def entry(path: str) -> Entry:
    return Entry("bluenexus", "POST", path, {"host": "localhost"}, right_key=True)


def paths(seen: Log) -> list[str]:
    return [each["path"] for each in seen.requests()]


def turn(content: str) -> dict[str, object]:
    return {"endpoint": "bluenexus", "messages": [{"role": "user", "content": content}]}


def test_the_log_holds_no_more_than_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "KEPT_BYTES", 10_000)
    seen, entries = Log(), [entry(f"/{number}") for number in range(4)]
    for each in entries:
        seen.add(each)
        for _ in range(4):
            seen.add_body(each, b"x" * 1_000)
    assert paths(seen) == ["/2", "/3"]
    seen.add_body(entries[0], b"x" * 9_000)  # it is no longer kept
    assert paths(seen) == ["/2", "/3"]
    seen.add_body(entries[2], b"x" * 6_000)
    assert paths(seen) == ["/3"]
    seen.clear()
    seen.add(entry("/large"))
    seen.add_body(next(iter(seen._entries)), b"x" * 20_000)
    assert paths(seen) == ["/large"]


def test_the_log_holds_no_more_than_so_many_bytes_of_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "KEPT_BYTES", 10_000)
    seen = Log()
    for number in range(4):
        seen.accept(turn(f"{number}" * 4_000))
    assert [each["messages"][0]["content"][0] for each in seen.turns()] == ["2", "3"]


def test_the_log_holds_no_more_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "KEPT", 3)
    seen = Log()
    for number in range(5):
        seen.add(entry(f"/{number}"))
        seen.accept(turn(str(number)))
    assert paths(seen) == ["/2", "/3", "/4"]
    assert len(seen.turns("bluenexus")) == 3
