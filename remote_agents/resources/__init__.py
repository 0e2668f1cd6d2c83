"""The rest of each service's API: conversations, messages, records, files, agents.

Every operation is written once, as a flow, and is there as two methods: `get` and `aget`.
"""

from __future__ import annotations

from remote_agents.resources.items import Item
from remote_agents.resources.methods import AsyncListing, Listing, Resource

__all__ = ["AsyncListing", "Item", "Listing", "Resource"]
