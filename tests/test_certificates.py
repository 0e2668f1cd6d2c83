"""A bundle of certificates that is replaced on disk is used, without a new model or process."""

import gc
import logging
import os
import shutil
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from remote_agents import AgentConnectionError
from remote_agents.http import _aiohttp, certificates, pools
from tests import certificates as made
from tests.raw_server import serving
from tests.transports import ANSWER, Asker, asking

newer = cache(made.authority.__wrapped__)


@pytest.fixture(params=["sync", "aiohttp", "httpcore"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A way to the wire; with httpcore async too, as through a proxy."""
    if request.param == "httpcore":
        monkeypatch.setattr(_aiohttp, "is_known", lambda: False)
    return str(request.param)


@pytest.fixture(autouse=True)
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(certificates, "_due", {})  # what another test looked at is due again


@pytest.fixture(params=["verify", "path", "SSL_CERT_FILE"])
def settings(request: pytest.FixtureRequest, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The arguments of a model that trusts the bundle."""
    if request.param == "SSL_CERT_FILE":
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        monkeypatch.setattr(pools, "pools", pools.Pools())
        pools.tls.cache_clear()
        yield {}
        pools.tls.cache_clear()
    else:
        yield {"verify": str(bundle) if request.param == "verify" else bundle}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A file that vouches for the old server."""
    return Path(shutil.copy(made.authority().path, tmp_path / "ca.pem"))


def replace(bundle: Path, path: str) -> None:
    shutil.copy(path, f"{bundle}.new")
    os.replace(f"{bundle}.new", bundle)


def cut_off(bundle: Path) -> None:
    bundle.write_text(bundle.read_text()[:100])


@asynccontextmanager
async def asked(kind: str, of: made.Authority, settings: Any) -> AsyncIterator[Asker]:
    """A model, and a server of an authority, which it has no connection to."""
    with serving(ANSWER, context=of.server) as server:
        async with asking("sync" if kind == "sync" else "aiohttp", server, **settings) as asker:
            yield asker


async def test_a_bundle_that_was_replaced(kind: str, settings: Any, bundle: Path) -> None:
    async with asked(kind, made.authority(), settings) as asker:
        assert await asker.ask() == "Hello"
    async with asked(kind, newer(), settings) as asker:
        with pytest.raises(AgentConnectionError, match="CERTIFICATE"):
            await asker.ask()
        replace(bundle, newer().path)
        assert await asker.ask() == "Hello"
        os.remove(bundle)  # half-way through another replacement
        assert await asker.ask() == "Hello"


async def test_what_is_no_longer_in_it_is_trusted_no_more(
    kind: str, settings: Any, bundle: Path
) -> None:
    async with asked(kind, newer(), settings) as asker:
        with pytest.raises(AgentConnectionError, match="CERTIFICATE"):
            await asker.ask()
        replace(bundle, newer().path)
        assert await asker.ask() == "Hello"
    async with asked(kind, made.authority(), settings) as asker:
        with pytest.raises(AgentConnectionError, match="CERTIFICATE") as caught:
            await asker.ask()
        assert caught.value.safe_to_repeat
        replace(bundle, made.authority().path)
        assert await asker.ask() == "Hello"


async def test_a_bundle_that_is_half_written(
    kind: str, settings: Any, bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with asked(kind, made.authority(), settings) as asker:
        assert await asker.ask() == "Hello"
    cut_off(bundle)
    with caplog.at_level(logging.WARNING):
        async with asked(kind, made.authority(), settings) as asker:
            assert await asker.ask() == "Hello"
    assert str(bundle) in caplog.text
    replace(bundle, newer().path)
    async with asked(kind, newer(), settings) as asker:
        assert await asker.ask() == "Hello"


async def test_all_who_name_one_file_see_that_it_was_replaced(kind: str, bundle: Path) -> None:
    each = [{"verify": str(bundle)}, {"verify": bundle}]
    for settings in each:
        async with asked(kind, made.authority(), settings) as asker:
            assert await asker.ask() == "Hello"
    replace(bundle, newer().path)
    pools.tls.cache_clear()  # a client keeps its context for longer than this cache does
    for settings in each:
        async with asked(kind, newer(), settings) as asker:
            assert await asker.ask() == "Hello"


async def test_a_folder_whose_file_was_replaced(kind: str, tmp_path: Path) -> None:
    folder, settings = tmp_path / "trusted", {"verify": str(tmp_path / "trusted")}
    folder.mkdir()
    for authority in (made.authority(), newer()):
        for path in folder.iterdir():
            path.unlink()
        shutil.copy(authority.path, folder / made.hashed(authority.path))
        async with asked(kind, authority, settings) as asker:
            assert await asker.ask() == "Hello"
    async with asked(kind, made.authority(), settings) as asker:
        with pytest.raises(AgentConnectionError, match="CERTIFICATE"):
            await asker.ask()


def test_a_context_is_kept_by_its_clients_alone(bundle: Path) -> None:
    context = pools.tls(str(bundle))
    gone = weakref.ref(context)
    assert certificates.Renewable.of(str(bundle)) == [context]
    del context
    pools.tls.cache_clear()
    gc.collect()
    assert gone() is None
    assert certificates.Renewable.of(str(bundle)) == []
