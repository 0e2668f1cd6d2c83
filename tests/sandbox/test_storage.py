"""CloudBase's storage: a promise for who holds the key, and a file for who holds the signature."""

import httpx
import pytest

from remote_agents.sandbox import Sandbox

ASKED = [{"objectId": "notes/plan.png"}]


def promised(box: Sandbox, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    address = f"{box.url}/v1/storages/get-objects-upload-info"
    return httpx.post(address, json=ASKED, headers=headers)


def test_a_file_is_kept_for_its_signature(sandbox: Sandbox) -> None:
    (given,) = promised(sandbox, sandbox.kwargs("cloudbase")["api_key"]).json()
    assert given["cloudObjectId"].startswith("cloud://")
    assert given["cloudObjectId"].endswith("notes/plan.png")
    headers = {
        "Authorization": given["authorization"],
        "X-Cos-Security-Token": given["token"],
        "X-Cos-Meta-Fileid": given["cloudObjectMeta"],
    }
    assert httpx.put(given["uploadUrl"], content=b"PNG", headers=headers).status_code == 200


@pytest.mark.parametrize("missing", ["Authorization", "X-Cos-Security-Token", "X-Cos-Meta-Fileid"])
def test_a_file_without_its_signature_is_refused(sandbox: Sandbox, missing: str) -> None:
    (given,) = promised(sandbox, sandbox.kwargs("cloudbase")["api_key"]).json()
    headers = {
        "Authorization": given["authorization"],
        "X-Cos-Security-Token": given["token"],
        "X-Cos-Meta-Fileid": given["cloudObjectMeta"],
    }
    del headers[missing]
    assert httpx.put(given["uploadUrl"], content=b"PNG", headers=headers).status_code in (403, 404)


def test_who_has_no_key_is_promised_nothing(sandbox: Sandbox) -> None:
    assert promised(sandbox, "no-key").status_code == 401
