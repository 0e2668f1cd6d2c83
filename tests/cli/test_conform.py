"""`remote-agents conform` against the sandbox's half of every service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_agents.client import Client
from remote_agents.conformance import REFUSALS, TURNS, Streamed, conformance
from remote_agents.sandbox import Sandbox
from remote_agents.services import ENDPOINTS
from remote_agents.types import TextDelta
from tests.cli.conftest import Cli, lines
from tests.own_services import CHAINED, UNKEPT, Responses, client_of
from tests.raw_server import EVENTS, head, serving

QUESTION = "How many vacation days do I get?"


@pytest.fixture(autouse=True)
def unhurried(sandbox: Sandbox) -> Iterator[None]:
    """Words come one by one, as those of a model do."""
    sandbox.configure(word_delay=0.02)
    yield
    sandbox.configure(word_delay=0.0)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_service_does_what_is_said_of_it(endpoint: str, cli: Cli, sandbox: Sandbox) -> None:
    before = len(sandbox.requests(endpoint))
    code, out, err = cli("conform", endpoint, "--question", QUESTION, "--json")
    found = {row["what"]: row["holds"] for row in lines(out)}
    assert found.pop("limits") is (True if endpoint == "bluenexus" else None)  # it has headers
    assert found == dict.fromkeys(found, True), out
    facts = ENDPOINTS[endpoint]
    assert {"answer", "protocol", "streaming", "conversation", "ids"} <= {*found}
    assert {"wrong key", "wrong agent"} <= {*found}
    assert ("citations" in found, "usage" in found) == (facts.cites, facts.counts)
    assert code == 0
    assert f"{TURNS} short turns" in err
    assert f"{REFUSALS} requests" in err
    asked = sandbox.requests(endpoint)[before:]
    assert not [row for row in asked if row["method"] == "DELETE"]


@pytest.mark.parametrize(
    "service", [["maiagent"], ["--service", "maiagent"], ["--service=maiagent"]]
)
def test_what_was_not_seen_is_no_failure(cli: Cli, service: list[str]) -> None:
    code, out, _ = cli("conform", *service, "--question", "Hello")
    assert code == 0
    assert "not seen  citations" in out
    assert "holds     streaming" in out


def test_what_does_not_hold_is_told_and_an_exit_code(
    cli: Cli, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("a-wrong-key")
    code, out, _ = cli("conform", "bluenexus", "--api-key-file", str(tmp_path / "key"), "--json")
    assert code == 1
    assert [(row["what"], row["holds"]) for row in lines(out)] == [("answer", False)]
    sandbox.fail_next(500, endpoint="private_ai", times=9)
    assert cli("conform", "private_ai", "--set", "max_retries=0")[0] == 1


def test_an_answer_in_one_piece_does_not_stream() -> None:
    seen = Streamed()
    seen.see(TextDelta("All at once."))
    assert seen.streaming.holds is False


def test_pieces_that_come_together_after_a_wait_were_kept_back() -> None:
    assert Streamed(pieces=[5.0, 5.001, 5.002]).streaming.holds is False
    assert Streamed(pieces=[0.1, 0.101, 0.102]).streaming.holds is None
    assert Streamed(pieces=[5.0, 5.4]).streaming.holds is True


def test_it_can_be_called_from_python(sandbox: Sandbox) -> None:
    kind = Client.kind_of(ENDPOINTS["bluenexus"])
    with kind(**sandbox.kwargs("bluenexus")) as client:
        assert all(finding.holds for finding in conformance(client, QUESTION))


def test_an_answer_that_stands_alone_needs_no_conversation() -> None:
    kept = Responses()
    with (
        serving([head(EVENTS), lambda talk: kept.answer(server, talk)]) as server,
        client_of(CHAINED)(base_url=server.url, api_key="k") as client,
    ):
        found = {each.what: each.holds for each in conformance(client, UNKEPT)}
    assert (found["conversation"], found["conversation id"]) == (True, True)
