"""What `tests/wire/` says was captured is what Tencent's server says today."""

import json
from collections.abc import Iterator

import pytest

from remote_agents import Transcript
from tests.vendor.capturing import CAPTURES, WIRE, captured


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_of_today_is_as_the_one_that_is_kept(name: str) -> None:
    kept = Transcript.read((WIRE / f"{name}.txt").read_text("utf-8"))
    today = captured(CAPTURES[name])
    assert kept.facts["source"] == today.facts["source"]
    for before, now in zip(kept.interactions, today.interactions, strict=True):
        assert (before.method, before.status) == (now.method, now.status)
        kept_frames, frames = list(_frames(before.pieces)), list(_frames(now.pieces))
        # Who left did so amid what was sent, a frame sooner or later.
        common = min(len(kept_frames), len(frames)) if before.end == "left" else None
        assert kept_frames[:common] == frames[:common] != []
        assert shape(json.loads(before.body)) == shape(json.loads(now.body))


def _frames(pieces: list[bytes]) -> Iterator[object]:
    for line in b"".join(pieces).decode().splitlines():
        if line.startswith("data: "):
            yield shape(json.loads(line.removeprefix("data: ")))


def shape(value: object) -> object:
    """A value without what is another in each session: how long each text is, and all names."""
    if isinstance(value, dict):
        return {len(name): shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return len(value) if isinstance(value, str) else value
