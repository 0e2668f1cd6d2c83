"""Nothing reads a file, or waits, on the event loop."""

import asyncio
import mimetypes
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster, BlockingError, blockbuster_ctx

import remote_agents
from remote_agents.http import pools
from remote_agents.memory.sql import SQLSessionStore
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import ENDPOINT_NAMES, FRAMEWORKS, Way
from tests import certificates
from tests.raw_server import serving
from tests.transports import ANSWER


@pytest.fixture
def blockbuster() -> Iterator[BlockBuster]:
    """Whatever blocks below a module of ours raises, where an event loop runs."""
    with blockbuster_ctx(["remote_agents", "langchain_agents", "llamaindex_agents"]) as each:
        yield each


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "pools", pools.Pools())
    pools.tls.cache_clear()
    monkeypatch.setattr(mimetypes, "inited", False)
    monkeypatch.setattr(mimetypes, "_db", None)


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("endpoint", ENDPOINT_NAMES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.usefixtures("blockbuster")
async def test_a_turn(
    framework: str, endpoint: str, streamed: bool, sandbox: Sandbox, tmp_path: Path
) -> None:
    settings: dict[str, Any] = sandbox.kwargs(endpoint)
    store = await asyncio.to_thread(SQLSessionStore, f"sqlite:///{tmp_path}/sessions.sqlite")
    way = await asyncio.to_thread(  # it imports the framework
        partial(Way, streamed=streamed, awaited=True, session_store=store, **settings),
        framework,
        endpoint,
    )
    assert (await way.ask("How many vacation days do I get?", session="one")).text
    assert (await way.ask("And parental leave?", session="one")).text


@pytest.mark.parametrize("verify", [True, "a file"])
@pytest.mark.usefixtures("blockbuster")
async def test_certificates(verify: Any) -> None:
    authority = await asyncio.to_thread(certificates.authority)
    path = authority.path if verify == "a file" else verify
    with serving(ANSWER, context=authority.server) as server:
        async with remote_agents.BlueNexus(base_url=server.url, api_key="k", verify=path) as agent:
            if verify == "a file":
                assert str(await agent.aask("Hi")) == "Hello"
            else:
                with pytest.raises(remote_agents.AgentConnectionError, match="CERTIFICATE"):
                    await agent.aask("Hi")


@pytest.mark.parametrize("how", ["a path", "an open file", "bytes", "presigned"])
async def test_uploads(
    how: str, sandbox: Sandbox, tmp_path: Path, blockbuster: BlockBuster
) -> None:
    path = tmp_path / "note.txt"
    await asyncio.to_thread(path.write_text, "A note.")
    agent = remote_agents.MaiAgent(**sandbox.kwargs("maiagent"))
    upload = (
        agent.attachments.aupload_presigned if how == "presigned" else agent.attachments.aupload
    )
    file: Any = path if how in ("a path", "presigned") else b"A note."
    if how == "an open file":
        file = await asyncio.to_thread(path.open, "rb")
    try:
        assert (await upload(file)).filename == ("file" if how == "bytes" else "note.txt")
    finally:
        if how == "an open file":
            await asyncio.to_thread(file.close)


@pytest.mark.usefixtures("blockbuster")
async def test_attachments_of_a_message(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    await asyncio.to_thread(path.write_text, "A note.")
    agent = remote_agents.MaiAgent(**sandbox.kwargs("maiagent"))
    for file in ({"path": str(path)}, {"data": b"A note.", "mime_type": "text/markdown"}):
        attached = remote_agents.Attachment("file", **file)
        message = remote_agents.Message("user", "What is in it?", attachments=[attached])
        assert (await agent.aask([message])).text


async def test_that_this_test_can_fail(tmp_path: Path, blockbuster: BlockBuster) -> None:
    path = tmp_path / "key"
    await asyncio.to_thread(path.write_text, "k")

    async def with_a_file() -> str:
        return path.read_text()

    blockbuster.functions["io.BufferedReader.read"].deactivate()
    with blockbuster_ctx(), pytest.raises(BlockingError):
        await with_a_file()
