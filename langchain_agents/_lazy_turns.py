"""What a model needs and its class does not: loaded with the first model.

So `from langchain_agents import ChatBlueNexus` costs little where no agent is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from remote_agents._lazy import LazyModule

if TYPE_CHECKING:
    from langchain_agents import _turns as turns
else:
    turns = LazyModule("langchain_agents._turns")

__all__ = ["turns"]
