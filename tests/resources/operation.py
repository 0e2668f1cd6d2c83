"""What the table of operations says of one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way

Run = Callable[[Way, Any, Sandbox], Awaitable[Any]]
DOCUMENTS = "documents"
VENDOR_CODE = "documents; vendor's code, read"
RUNNING = "documents; Tencent's own server, running (AG-UI)"


@dataclass(frozen=True)
class Operation:
    """One documented operation.

    Args:
        endpoint: Our name of the endpoint.
        document: Where it is documented.
        title: What it is called there.
        http: Method and path, with the parameters of the path in braces.
        methods: Our methods, as `Client.resource.method`.
        run: Uses them all.
        fields: Documented parameters; those of the body's objects with a dot.
        checked: What it was checked against: the vendor's documents alone, or more.
    """

    endpoint: str
    document: str
    title: str
    http: str
    methods: str
    run: Run
    fields: str = ""
    checked: str = DOCUMENTS

    @property
    def id(self) -> str:
        return f"{self.endpoint}-{self.title}".lower().replace(" ", "-")

    @property
    def test(self) -> str:
        return f"test_operation[{self.id}]"
