"""An agent's state, as the operations of its deltas change it."""

import pytest

from tests.ag_ui.runs import STARTED, told


@pytest.mark.parametrize("source", ["", "/a", "/a/b", "/a/b/0"])
@pytest.mark.parametrize("target", ["/no/such", "/a/b/1/x", "/n/x", "/a/b/x"])
def test_what_cannot_be_moved_stays_where_it_is(source: str, target: str) -> None:
    state = {"n": 1, "a": {"b": [1, 2]}}
    moved = {"type": "STATE_DELTA", "delta": [{"op": "move", "from": source, "path": target}]}
    assert told([STARTED, {"type": "STATE_SNAPSHOT", "snapshot": state}, moved]).state == state
