"""Each layer of the profile on docs/performance.md is found in the code as it stands."""

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks import profile_token
from benchmarks.processes import Server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server() as url:
        yield f"{url}/burst/500"


@pytest.mark.parametrize("case", profile_token.CASES)
def test_every_layer_has_its_share(url: str, case: str) -> None:
    name, is_async = profile_token.CASES[case]
    loop = asyncio.new_event_loop()
    seconds = profile_token.shares(profile_token.reader(name, url, is_async, loop))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert {layer for layer in profile_token.LAYERS if not seconds[layer]} <= {"socket"}


def test_the_http_client_alone_is_asked_as_the_library_asks_it(url: str) -> None:
    loop = asyncio.new_event_loop()
    profile_token.async_http_reader(url, loop)()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
