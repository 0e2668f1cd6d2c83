"""CloudBase's storage: a promise for who holds the key, and a file for who holds the signature."""

import httpx
import pytest

from remote_agents import Attachment
from remote_agents.sandbox import Sandbox
from remote_agents.testing.ways import make

ASKED = b'[{"objectId": "notes/plan.png"}]'


def promised(box: Sandbox, key: str, content: bytes = ASKED) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    address = f"{box.url}/v1/storages/get-objects-upload-info"
    return httpx.post(address, content=content, headers=headers)


def signed(given: dict[str, str]) -> dict[str, str]:
    """The headers with which a file is sent to the place that was promised."""
    return {
        "Authorization": given["authorization"],
        "X-Cos-Security-Token": given["token"],
        "X-Cos-Meta-Fileid": given["cloudObjectMeta"],
    }


def test_a_file_is_kept_for_its_signature(sandbox: Sandbox) -> None:
    (given,) = promised(sandbox, sandbox.kwargs("cloudbase")["api_key"]).json()
    assert given["cloudObjectId"].startswith("cloud://")
    assert given["cloudObjectId"].endswith("notes/plan.png")
    stored = httpx.put(given["uploadUrl"], content=b"PNG", headers=signed(given))
    assert stored.status_code == 200


@pytest.mark.parametrize("missing", ["Authorization", "X-Cos-Security-Token", "X-Cos-Meta-Fileid"])
def test_a_file_without_its_signature_is_refused(sandbox: Sandbox, missing: str) -> None:
    (given,) = promised(sandbox, sandbox.kwargs("cloudbase")["api_key"]).json()
    headers = signed(given)
    del headers[missing]
    assert httpx.put(given["uploadUrl"], content=b"PNG", headers=headers).status_code in (403, 404)


def test_who_has_no_key_is_promised_nothing(sandbox: Sandbox) -> None:
    refused = promised(sandbox, "no-key")
    assert (refused.status_code, refused.json()["code"]) == (401, "INVALID_CREDENTIALS")


@pytest.mark.parametrize("content", [b"{", b"{}", b"[1]", b""])
def test_an_order_that_is_no_list_of_files_is_refused(sandbox: Sandbox, content: bytes) -> None:
    refused = promised(sandbox, sandbox.kwargs("cloudbase")["api_key"], content)
    assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_PARAM")


def test_a_promise_is_seen_and_can_fail(sandbox: Sandbox) -> None:
    sandbox.fail_next(status=503, match="/v1/storages/", endpoint="cloudbase")
    assert promised(sandbox, sandbox.kwargs("cloudbase")["api_key"]).status_code == 503
    assert [each["status"] for each in sandbox.requests("cloudbase")] == [503]


@pytest.mark.parametrize(
    ("service", "agent_id"),
    [
        ("maiagent", ""),
        ("cloudbase", "bot-handbook"),
        ("cloudbase", "agent-handbook"),
        ("ag_ui", ""),
    ],
)
def test_an_attached_text_is_read(sandbox: Sandbox, service: str, agent_id: str) -> None:
    given = sandbox.kwargs(service)
    agent = make("plain", service, **{**given, "agent_id": agent_id or given["agent_id"]})
    note = Attachment("file", data=b"The canoe is kept in shed 9.", filename="note.txt")
    picture = Attachment("file", data=b"\x89PNG\xff shed 7", filename="plan.bin")
    answers = [
        agent.ask(question, attachments=[file]).text
        for file in (note, picture)
        for question in ("Where is the canoe kept?", "How many vacation days do I get?")
    ]
    assert ["shed 9" in answer for answer in answers] == [True, False, False, False]
    assert "25 vacation days" in answers[1]
    assert "could not find" in answers[2]
