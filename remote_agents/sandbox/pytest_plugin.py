"""Fixtures for the tests of code that talks to remote agents.

Example:
    In ``conftest.py``: ``pytest_plugins = ["remote_agents.sandbox.pytest_plugin"]``; then any test
    may take ``sandbox``, order faults from it and ask it what it saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remote_agents.sandbox.box import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One running sandbox for the whole session, without BlueNexus's rate limit."""
    with Sandbox(rate_limit=None) as box:
        yield box
