"""What an LLM needs and its class does not: loaded with the first LLM.

So `from llamaindex_agents import BlueNexus` costs little where no agent is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import LazyModule

if TYPE_CHECKING:
    from llamaindex_agents import _turns as turns
else:
    turns = LazyModule("llamaindex_agents._turns")

__all__ = ["turns"]
