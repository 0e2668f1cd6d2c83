"""How much memory a long list or a large export takes; run in a process of its own.

`python -m tests.resources.measure list|export sync|async URL` prints JSON.
"""

import asyncio
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil

from remote_agents import MaiAgent
from remote_agents.sandbox.directory import manifest

SIZE = 1000


class Peak:
    """The largest resident size of this process while it is watched, in bytes."""

    def __init__(self) -> None:
        self.process = psutil.Process()
        self.before = self.peak = self.process.memory_info().rss
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self) -> None:
        while not self.over.wait(0.01):
            self.peak = max(self.peak, self.process.memory_info().rss)

    def stop(self) -> int:
        self.over.set()
        self.thread.join()
        return self.peak - self.before


async def listed(client: MaiAgent, way: str) -> tuple[int, int]:
    """The number of records, and by how much memory grew after the first ten pages."""
    peak, count = None, 0
    # The async way shares all but the driver: a part is enough.
    days = {"start": "2024-01-01", "end": "2024-12-31" if way == "sync" else "2024-01-20"}
    if way == "sync":
        for record in client.records.list(page_size=SIZE, **days):
            count += bool(record.id)
            peak = peak or (Peak() if count == 10 * SIZE else None)
    else:
        async for record in client.records.alist(page_size=SIZE, **days):
            count += bool(record.id)
            peak = peak or (Peak() if count == 10 * SIZE else None)
    assert peak is not None
    return count, peak.stop()


async def exported(client: MaiAgent, way: str) -> tuple[int, int]:
    """The size of an export, and by how much memory grew from before it."""
    await client.aclose()
    peak = Peak()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "records.xlsx")
        day = {"start": "2024-01-01", "end": "2024-01-01"}
        if way == "sync":
            size = client.records.export_excel(path, **day)
        else:
            size = await client.records.aexport_excel(path, **day)
    return size, peak.stop()


async def main(what: str, way: str, url: str) -> None:
    agent = manifest(url)["agents"]["maiagent"]
    given: dict[str, Any] = {n: agent[n] for n in ("base_url", "agent_id", "api_key")}
    client = MaiAgent(**given)
    client.chatbots.list().close()
    count, growth = await (listed if what == "list" else exported)(client, way)
    print(json.dumps({"count": count, "growth": growth}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
