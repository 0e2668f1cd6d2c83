"""A bundle of certificates that is replaced on disk is used, without a new model or process."""

import os
import shutil
from pathlib import Path

import pytest

from remote_agents import AgentConnectionError
from remote_agents.http import certificates, pools
from tests import certificates as made
from tests.raw_server import serving
from tests.test_transport import ANSWER
from tests.transports import asking


@pytest.mark.parametrize("named", ["verify", "SSL_CERT_FILE"])
@pytest.mark.parametrize("kind", ["sync", "aiohttp"])
async def test_a_bundle_that_was_replaced(
    kind: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(certificates, "_due", {})  # what another test looked at is due again
    old, new = made.authority(), made.authority.__wrapped__()
    bundle = tmp_path / f"{kind}-{named}.pem"
    shutil.copy(old.path, bundle)
    settings = {"verify": str(bundle)} if named == "verify" else {}
    if named != "verify":
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        monkeypatch.setattr(pools, "pools", pools.Pools())
        pools.tls.cache_clear()
    with serving(ANSWER, context=old.server) as server:
        async with asking(kind, server, **settings) as asker:
            assert await asker.ask() == "Hello"
    with serving(ANSWER, context=new.server) as server:
        async with asking(kind, server, **settings) as asker:
            with pytest.raises(AgentConnectionError, match="CERTIFICATE"):
                await asker.ask()
            shutil.copy(new.path, f"{bundle}.new")
            os.replace(f"{bundle}.new", bundle)
            assert await asker.ask() == "Hello"
            bundle.unlink()  # half-way through another replacement
            assert await asker.ask() == "Hello"
    if named != "verify":
        pools.tls.cache_clear()
