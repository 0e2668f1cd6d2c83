"""Run notebooks from top to bottom, three at a time: `scripts/notebooks.py notebooks/*.ipynb`."""

import asyncio
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal

CELL = 120  # seconds at most


async def failure(path: Path, places: asyncio.Semaphore) -> str | None:
    """Run one, in its own folder; which cell failed, if any did."""
    async with places:
        print(f"Executing {path}", flush=True)
        notebook = nbformat.read(path, as_version=4)
        beside = {"metadata": {"path": str(path.parent)}}
        try:
            await NotebookClient(notebook, timeout=CELL, resources=beside).async_execute()
        except CellControlSignal as error:
            return f"{path} failed:\n{error}"
    return None


async def main(paths: list[str]) -> None:
    """Run all, from one process, so that no two kernels are given the same ports."""
    places = asyncio.Semaphore(3)
    failures = await asyncio.gather(*(failure(Path(path), places) for path in paths))
    sys.exit("\n".join(filter(None, failures)) or 0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
