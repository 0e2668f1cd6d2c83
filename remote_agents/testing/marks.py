"""In which ways the suites try each test."""

import pytest

from remote_agents.testing.ways import FRAMEWORKS

in_each_face = pytest.mark.parametrize("framework", FRAMEWORKS)
sync_and_async = pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
every_way = pytest.mark.parametrize(
    ("framework", "streamed", "awaited"),
    [
        pytest.param(f, s, a, id=f"{f}-{'stream' if s else 'whole'}-{'async' if a else 'sync'}")
        for f in FRAMEWORKS
        for s in (False, True)
        for a in (False, True)
    ],
)
