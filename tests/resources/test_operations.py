"""Every documented operation, run against the sandbox, and the table that lists them."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import remote_agents
from remote_agents.sandbox import Sandbox
from tests.resources.calls import Way, client_of
from tests.resources.operations import OPERATIONS, Operation, table

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_operation(operation: Operation, way: Way, archive: Sandbox) -> None:
    archive.reset()
    client = client_of(archive, operation.endpoint)
    await operation.run(way, client, archive)
    sent = [each for each in archive.requests() if is_of(operation, each)]
    assert sent, f"{operation.http} was not asked for"
    assert all(each["status"] < 300 and each["right_key"] for each in sent)
    missing = set(operation.fields.split()) - set().union(*map(fields_of, sent))
    assert not missing, f"documented, but not sent: {missing}"


def is_of(operation: Operation, request: dict[str, Any]) -> bool:
    method, path = operation.http.split()
    pattern = re.sub(r"\{\w+\}", "[^/]+", path)
    return request["method"] == method and bool(
        re.fullmatch(pattern, urlsplit(request["path"]).path)
    )


def fields_of(request: dict[str, Any]) -> set[str]:
    """The names of all parameters of a request, in its query and its body."""
    query = {name for name, _ in parse_qsl(urlsplit(request["path"]).query)}
    return query | set(names_in(request["body"] or {}))


def names_in(value: Any, prefix: str = "") -> list[str]:
    if isinstance(value, list):
        return [name for item in value for name in names_in(item, prefix)]
    if not isinstance(value, dict):
        return []
    return [
        name for key, v in value.items() for name in (prefix + key, *names_in(v, f"{prefix}{key}."))
    ]


def test_the_table_of_operations_is_up_to_date() -> None:
    assert PAGE.read_text() == table(), (
        "run: python -m tests.resources.operations > docs/coverage.md"
    )


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_each_method_of_the_table_exists_twice(operation: Operation) -> None:
    for name in operation.methods.split():
        *path, last = name.split(".")
        home: Any = remote_agents
        for part in path:
            home = getattr(home, part)
        assert callable(getattr(home, last))
        assert callable(getattr(home, f"a{last}"))


def test_each_operation_has_one_row() -> None:
    ids = [operation.id for operation in OPERATIONS]
    assert len(ids) == len(set(ids))
