"""Names of types that say what a `dict` of any values holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object, as `json.loads` gives it and `json.dumps` takes it."""
JsonMapping: TypeAlias = Mapping[str, Any]
"""A JSON object that is only read."""
Arguments: TypeAlias = dict[str, Any]
"""Keyword arguments of a call or a constructor, by name."""
