"""Where cursors and addresses from outside may lead."""

import json
import os
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from remote_agents import (
    AgentConnectionError,
    BlueNexus,
    ConfigurationError,
    MaiAgent,
    ServerError,
    StreamProtocolError,
)
from remote_agents.addresses import may_upload_to
from remote_agents.resources.cursors import PagePosition, encode
from remote_agents.turns.rate_limit import RateLimiter
from tests.raw_server import JSON, Step, head, serving

OWN, INNER = "https://api.example", "https://10.1.2.3"


@pytest.mark.parametrize(
    ("url", "base_url", "may"),
    [
        ("https://storage.example/a?b", OWN, True),
        ("http://storage.example/a", OWN, False),
        ("ftp://storage.example/a", OWN, False),
        ("file:///etc/passwd", OWN, False),
        ("https://user@storage.example/a", OWN, False),
        ("https://169.254.169.254/latest", OWN, False),
        ("https://10.0.0.7/a", OWN, False),
        ("https://192.168.1.1/a", OWN, False),
        ("https://127.0.0.1/a", OWN, False),
        ("https://localhost/a", OWN, False),
        ("https://[::1]/a", OWN, False),
        ("https://[fe80::1]/a", OWN, False),
        ("https://[::ffff:169.254.169.254]/a", OWN, False),
        ("https://[bad/a", OWN, False),
        ("https:///a", OWN, False),
        ("https://10.0.0.7/a", INNER, True),
        ("https://169.254.169.254/a", INNER, False),
        ("http://10.0.0.7/a", INNER, False),
        ("http://127.0.0.1:9000/a", "http://127.0.0.1:8700", True),
        ("http://10.0.0.7/a", "http://127.0.0.1:8700", False),
    ],
)
def test_where_a_file_may_go(url: str, base_url: str, may: bool) -> None:
    assert may_upload_to(url, base_url) is may


INNER_HOSTS = [
    *("2130706433", "0x7f000001", "0177.0.0.1", "127.1", "10.1", "0", "[::]", "224.0.0.1"),
    *("169.254.169.254.", "127\u30020\u30020\u30021", "\u2460\u2461\u2466.0.0.1", "%31%30.0.0.1"),
    *("[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[2002:7f00:1::]", "[::ffff:10.0.0.1]"),
    *("[fd00:ec2::254]", "[ff02::1]", "100.64.0.1", "metadata", "localhost.", "a.LOCALHOST"),
    *("metadata.google.internal", "METADATA.google.internal.", "printer.local", "nas.home.arpa"),
]


@pytest.mark.parametrize("host", INNER_HOSTS)
def test_an_inner_host_is_one_however_it_is_written(host: str) -> None:
    assert not may_upload_to(f"https://{host}/a", OWN)
    assert not may_upload_to(f"https://{host}:8443/a?b#c", OWN)


@pytest.mark.parametrize(
    ("host", "own", "may"),
    [
        ("minio.corp.internal", "https://mai.corp.internal", True),
        ("minio", "https://mai.corp.internal", True),
        ("10.1.1.1", "https://mai.corp.internal", True),
        ("metadata.google.internal", "https://mai.corp.internal", False),
        ("a.localhost", "https://mai.corp.internal", False),
        ("0xa9fea9fe", "https://mai.corp.internal", False),
        ("[64:ff9b::a9fe:a9fe]", INNER, False),
        ("internal.example", OWN, True),
        ("8.8.8.8", OWN, True),
        ("[2606:4700::1111]", OWN, True),
        ("\u5132\u5b58.example", OWN, True),
    ],
)
def test_which_names_are_inner(host: str, own: str, may: bool) -> None:
    assert may_upload_to(f"https://{host}/a", own) is may


@pytest.mark.parametrize(
    "address",
    ["http://storage.example/a", "https://169.254.169.254/a", "https://0xa9fea9fe/a"],
)
def test_an_upload_goes_nowhere_else(address: str) -> None:
    body = json.dumps({"url": address, "fields": {"key": "k"}}).encode()
    with serving([head(JSON, length=len(body)), body]) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k")
        with pytest.raises(StreamProtocolError, match="not sent"):
            agent.attachments.upload_presigned(b"content", filename="a.txt")


def listing(request_count: int = 1) -> list[Step]:
    body = json.dumps({"results": [{"id": "m1"}], "next": None}).encode()
    return [head(JSON, length=len(body)), body]


def test_a_cursor_does_not_decide_over_the_arguments() -> None:
    with serving(listing()) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k")
        theirs = agent.messages.list("VICTIM")
        next(theirs)
        with pytest.raises(ConfigurationError, match="another list"):
            list(agent.messages.list("MINE", cursor=theirs.cursor))
        sent = len(server.requests)
        list(agent.messages.list("VICTIM", cursor=theirs.cursor))
        assert len(server.requests) == sent + 1
        assert b"conversation=VICTIM" in server.requests[-1]


def test_a_cursor_from_a_list_without_a_filter_is_none_of_one_with_it() -> None:
    with serving(listing()) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k")
        everything = agent.conversations.list()
        next(everything)
        with pytest.raises(ConfigurationError, match="another list"):
            list(agent.conversations.list(inbox="mine", cursor=everything.cursor))


def test_a_forged_cursor_asks_for_what_the_arguments_say() -> None:
    with serving(listing()) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k")
        forged = PagePosition("/api/messages/?conversation=VICTIM", asked="?conversation=MINE")
        list(agent.messages.list("MINE", cursor=encode(forged)))
        assert b"VICTIM" not in server.requests[-1]


def test_an_export_keeps_the_rights_of_the_file_it_replaces(tmp_path: Path) -> None:
    source, target = tmp_path / "source.zip", tmp_path / "records.xlsx"
    with ZipFile(source, "w") as file:
        file.writestr("a", "b")
    target.touch()
    target.chmod(0o600)
    content = source.read_bytes()
    with serving([head("application/zip", length=len(content)), content]) as server:
        records = MaiAgent(base_url=server.url, agent_id="a", api_key="k").records
        records.export_excel(target, start="2025-01-01", end="2025-01-02")
    assert os.stat(target).st_mode & 0o777 == 0o600


@pytest.mark.parametrize("said", ["=1+1", "@SUM(A1)", "+1", "-2+3", "\t=1", "- a point", "25 days"])
def test_a_formula_is_text_in_a_data_frame(said: str) -> None:
    body = json.dumps({"results": [{"id": "r", "inputMessage": said}], "count": 1}).encode()
    with serving([head(JSON, length=len(body)), body]) as server:
        records = MaiAgent(base_url=server.url, agent_id="a", api_key="k").records
        frame = records.to_dataframe(start="2025-01-01", end="2025-01-02")
    shown = frame["input_message"][0]
    assert shown == (said if said in ("- a point", "25 days") else f"'{said}")


@pytest.mark.parametrize(
    ("named", "column"),
    [("=hyperlink(1)", "'=hyperlink(1)"), ("a\x0bb", "a\ufffdb"), ("a\uffffb", "a\ufffdb")],
)
def test_a_sheet_can_be_made_of_what_a_service_names_and_says(
    named: str, column: str, tmp_path: Path
) -> None:
    records = [{"id": "r", "inputMessage": "a\x0bb\ufffe", named: "1"}]
    body = json.dumps({"results": records, "count": 1}).encode()
    with serving([head(JSON, length=len(body)), body]) as server:
        agent = MaiAgent(base_url=server.url, agent_id="a", api_key="k")
        frame = agent.records.to_dataframe(start="2025-01-01", end="2025-01-02")
    frame.to_excel(tmp_path / "records.xlsx")
    (read,) = load_workbook(tmp_path / "records.xlsx")["Sheet1"].iter_rows(min_row=2)
    assert {"1", "a\ufffdb\ufffd"} <= {cell.value for cell in read}
    assert frame[column][0] == "1"


def test_a_refusal_keeps_the_conversation_of_its_headers() -> None:
    failed = head(JSON, "500 Failed", "X-Conversation-Id: conv-1", length=2)
    with serving([failed, b"{}"]) as server:
        agent = BlueNexus(base_url=server.url, api_key="k", max_retries=0)
        with pytest.raises(ServerError) as caught:
            agent.ask("Hi")
    assert caught.value.conversation_id == "conv-1"


def test_the_limit_of_this_process_counts_by_a_clock_that_nobody_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limiter = RateLimiter("2/hour")
    assert [limiter._attempt("set-back"), limiter._attempt("set-back")] == [0.0, 0.0]
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 7200)
    assert 3590 < limiter._attempt("set-back") <= 3601
    monkeypatch.setattr(time, "time", lambda: real() - 7200)
    assert 3590 < limiter._attempt("set-back") <= 3601


def test_the_password_of_a_storage_is_not_quoted() -> None:
    settings: dict[str, Any] = {"rate_limit": "1/minute"}
    for address in ("rediss+cluster2://:pw-very-secret@h", "redis://:pw-very-secret@h:port"):
        with pytest.raises(ConfigurationError) as caught:
            BlueNexus(api_key="k", rate_limit_storage=address, **settings)
        assert "very-secret" not in str(caught.value)


def test_a_context_of_ones_own_is_freed_with_its_model() -> None:
    import gc
    import ssl
    import weakref

    contexts = []
    for _ in range(3):
        context = ssl.create_default_context()
        contexts.append(weakref.ref(context))
        agent = BlueNexus(
            base_url="https://127.0.0.1:9", api_key="k", verify=context, max_retries=0
        )
        with pytest.raises(AgentConnectionError):
            agent.ask("Hi")
        del agent, context
    gc.collect()
    assert [context() for context in contexts] == [None] * 3
