"""Exports: whole or not there."""

import asyncio
import gzip
import os
import re
import stat
import threading
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from remote_agents import (
    AgentError,
    AgentTimeoutError,
    ConfigurationError,
    NotFoundError,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.sandbox import Sandbox
from remote_agents.services.maiagent import excel
from tests.resources.calls import Way, client_of
from tests.resources.served import served

DAYS = {"start": "2024-01-01", "end": "2024-01-31"}
MB = 1024 * 1024


@pytest.fixture
def padded(archive: Sandbox) -> Iterator[Sandbox]:
    archive.reset()
    archive.configure(export_padding=4 * MB)
    yield archive
    archive.configure(export_padding=0)


def only(folder: Path, *names: str) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


async def test_an_export_replaces_the_file_of_its_name(
    tmp_path: Path, way: Way, padded: Sandbox
) -> None:
    path = tmp_path / "records.xlsx"
    path.write_bytes(b"old")
    client = client_of(padded, "maiagent")
    size = await way(client.records.export_excel, str(path), **DAYS)
    assert size == path.stat().st_size > 4 * MB
    assert only(tmp_path, "records.xlsx")


@pytest.mark.parametrize("mode", [None, 0o600, 0o664], ids=["new", "private", "shared"])
async def test_an_export_has_the_rights_of_any_new_file_or_of_the_old_one(
    tmp_path: Path, way: Way, archive: Sandbox, monkeypatch: pytest.MonkeyPatch, mode: int | None
) -> None:
    path, like = tmp_path / "records.xlsx", tmp_path / "like"
    like.touch()
    if mode is not None:
        for each in (path, like):
            each.touch()
            each.chmod(mode)
    whole = excel._settle

    def settle(part: Path, target: Path) -> bool:
        wider = stat.S_IMODE(part.stat().st_mode) & ~stat.S_IMODE(like.stat().st_mode)
        assert not wider, "nobody else reads it meanwhile either"
        return whole(part, target)

    monkeypatch.setattr(excel, "_settle", settle)
    monkeypatch.setattr(os, "umask", None)  # it is the whole process's: other threads write too
    await way(client_of(archive, "maiagent").records.export_excel, path, **DAYS)
    assert path.stat().st_mode == like.stat().st_mode


async def test_an_export_that_is_cancelled_while_its_file_is_moved_ends_as_cancelled(
    tmp_path: Path, archive: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, whole = asyncio.get_running_loop(), excel._settle
    moved, ended = asyncio.Event(), threading.Event()

    def settle(part: Path, target: Path) -> bool:
        whole(part, target)
        loop.call_soon_threadsafe(moved.set)
        return ended.wait(10)

    monkeypatch.setattr(excel, "_settle", settle)
    records = client_of(archive, "maiagent").records
    export = asyncio.create_task(records.aexport_excel(tmp_path / "records.xlsx", **DAYS))
    await moved.wait()
    export.cancel()
    with pytest.raises(asyncio.CancelledError):
        await export
    ended.set()
    assert only(tmp_path, "records.xlsx")


@pytest.mark.parametrize("fault", ["drop_after", "truncate_after"])
async def test_a_connection_cut_half_way_leaves_no_file(
    fault: str, tmp_path: Path, way: Way, padded: Sandbox
) -> None:
    path = tmp_path / "records.xlsx"
    padded.fault(fault, match="export-excel")
    client = client_of(padded, "maiagent")
    with pytest.raises(StreamInterruptedError, match=r"after ([\d,]+) of ([\d,]+) bytes") as caught:
        await way(client.records.export_excel, path, **DAYS)
    numbers = re.search(r"after ([\d,]+) of ([\d,]+) bytes", str(caught.value))
    assert numbers is not None
    came, whole = (int(each.replace(",", "")) for each in numbers.groups())
    assert 0 < came <= whole // 2 + 1
    assert whole > 4 * MB
    assert "export again" in str(caught.value)
    assert caught.value.endpoint == "maiagent"
    assert only(tmp_path)


async def test_a_cut_export_leaves_the_old_file(tmp_path: Path, way: Way, padded: Sandbox) -> None:
    path = tmp_path / "records.xlsx"
    path.write_bytes(b"old")
    padded.drop_after(match="export-excel")
    with pytest.raises(StreamInterruptedError):
        await way(client_of(padded, "maiagent").records.export_excel, path, **DAYS)
    assert path.read_bytes() == b"old"
    assert only(tmp_path, "records.xlsx")


async def test_an_export_that_stalls_says_how_far_it_came(
    tmp_path: Path, way: Way, padded: Sandbox
) -> None:
    padded.stall_after(match="export-excel")
    client = client_of(padded, "maiagent", timeout={"idle": 0.3})
    with pytest.raises(AgentTimeoutError, match=r"broke off after [\d,]+ of") as caught:
        await way(client.records.export_excel, tmp_path / "records.xlsx", **DAYS)
    assert caught.value.phase == "idle"
    assert only(tmp_path)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("wrong_content_type", StreamProtocolError, "no Excel file but: .*Sign in"),
        ("error_in_200", AgentError, "The service failed"),
        ("garbage", StreamProtocolError, "no Excel file but: {{{"),
        ("fail_next", ServerError, "The service failed"),
    ],
)
async def test_what_is_no_excel_file_is_refused(
    fault: str, error: type[AgentError], said: str, tmp_path: Path, way: Way, archive: Sandbox
) -> None:
    archive.reset()
    archive.fault(fault, match="export-excel", times=3)
    client = client_of(archive, "maiagent", max_retries=0)
    with pytest.raises(error, match=said):
        await way(client.records.export_excel, tmp_path / "records.xlsx", **DAYS)
    assert only(tmp_path)


@pytest.mark.parametrize("body", [b"", b"PK", b"PK\x03\x04 but not whole"])
async def test_a_body_that_is_too_short_is_refused(tmp_path: Path, way: Way, body: bytes) -> None:
    client = served("maiagent", lambda request: httpx.Response(200, content=body))
    with pytest.raises((StreamProtocolError, StreamInterruptedError), match=r"Excel|broke off"):
        await way(client.records.export_excel, tmp_path / "records.xlsx", **DAYS)
    assert only(tmp_path)


async def test_a_packed_export_is_whole(tmp_path: Path, way: Way) -> None:
    """Also where the caller's client has unpacked it already, as a hook that reads it makes it."""
    book = BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("sheet.xml", "25 days " * 1000)
    packed = gzip.compress(book.getvalue())

    def answer(request: httpx.Request) -> Any:
        return httpx.Response(200, content=packed, headers={"Content-Encoding": "gzip"})

    path = tmp_path / "records.xlsx"
    size = await way(served("maiagent", answer).records.export_excel, path, **DAYS)
    assert path.read_bytes() == book.getvalue()
    assert size == len(book.getvalue())


async def test_an_unknown_chatbot_is_not_found(tmp_path: Path, way: Way, archive: Sandbox) -> None:
    client = client_of(archive, "maiagent")
    with pytest.raises(NotFoundError):
        await way(client.records.export_excel, tmp_path / "x.xlsx", chatbot_id="nobody", **DAYS)
    assert only(tmp_path)


async def test_a_path_that_cannot_be_a_file_is_refused(
    tmp_path: Path, way: Way, archive: Sandbox
) -> None:
    export = client_of(archive, "maiagent").records.export_excel
    for path in (tmp_path, tmp_path / "no" / "records.xlsx"):
        with pytest.raises(ConfigurationError, match="name a file in an existing folder"):
            await way(export, path, **DAYS)


async def test_a_bar_shows_the_progress(
    tmp_path: Path, way: Way, padded: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars: list[Any] = []

    class Bar:
        def __init__(self, total: int, **options: Any) -> None:
            self.total, self.done, self.closed = total, 0, False
            bars.append(self)

        def update(self, count: int) -> None:
            self.done += count

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    export = client_of(padded, "maiagent").records.export_excel
    size = await way(export, tmp_path / "records.xlsx", progress=True, **DAYS)
    assert [(bar.total, bar.done, bar.closed) for bar in bars] == [(size, size, True)]


async def test_without_tqdm_the_bar_is_refused(
    tmp_path: Path, way: Way, archive: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    export = client_of(archive, "maiagent").records.export_excel
    with pytest.raises(ConfigurationError, match=r"remote-agents\[cli\]"):
        await way(export, tmp_path / "records.xlsx", progress=True, **DAYS)


RANGES: list[tuple[dict[str, Any], str]] = [
    ({}, "pass start and end"),
    ({"start": "2024-01-01"}, "pass end as a date"),
    ({"end": "2024-01-01"}, "pass start as a date"),
    ({"start": "2024-02-01", "end": "2024-01-01"}, "swap them"),
    ({"start": "01/02/2024", "end": "2024-01-01"}, "start must be a date"),
    ({"start": "2024-01-01", "end": 20240101}, "end must be a date"),
    ({"start": "2024-01-01", "end": "2024-02-30"}, "end must be a date"),
]


@pytest.mark.parametrize(("days", "said"), RANGES, ids=[said for _, said in RANGES])
@pytest.mark.parametrize("name", ["list", "export_excel", "to_dataframe"])
async def test_a_range_of_days_that_cannot_be_is_refused(
    name: str, days: Any, said: str, tmp_path: Path, way: Way, archive: Sandbox
) -> None:
    archive.reset()
    arguments = (tmp_path / "records.xlsx",) if name == "export_excel" else ()
    method = getattr(client_of(archive, "maiagent").records, name)
    with pytest.raises(ConfigurationError, match=said):
        await way(method, *arguments, **days)
    assert archive.requests() == []
    assert only(tmp_path)


async def test_days_are_given_as_texts_dates_or_moments(way: Way, archive: Sandbox) -> None:
    records = client_of(archive, "maiagent").records
    texts = await way(records.list, start="2024-01-01", end="2024-01-01")
    dates = await way(records.list, start=date(2024, 1, 1), end=datetime(2024, 1, 1, 12))  # noqa: DTZ001 - naive
    assert texts == dates
    assert len(texts) == 300


async def test_records_become_a_data_frame_and_a_sheet(
    tmp_path: Path, way: Way, archive: Sandbox
) -> None:
    records = client_of(archive, "maiagent").records
    frame = await way(records.to_dataframe, **DAYS)
    assert len(frame) == 300
    assert frame["input_message"][0] == "Question 0 about vacation days?"
    assert str(frame["created_at"].dtype).startswith("datetime64[")
    assert frame["created_at"].dt.tz is None, "Excel has no zones"
    frame.to_excel(tmp_path / "records.xlsx")
    empty = await way(records.to_dataframe, start="2030-01-01", end="2030-01-02")
    assert len(empty) == 0
    assert "input_message" in empty.columns


async def test_without_pandas_a_data_frame_is_refused(
    way: Way, archive: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ConfigurationError, match="pip install pandas"):
        await way(client_of(archive, "maiagent").records.to_dataframe, **DAYS)
