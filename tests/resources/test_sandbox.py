"""The sandbox's lists over raw HTTP: the shapes that the vendors document."""

from typing import Any

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from tests.resources.calls import client_of

BOT = "/v1/aibot/bots/bot-handbook"
PAIS = "/api/v1/compatibility/openai/v1"


def get(box: Sandbox, endpoint: str, path: str, **params: Any) -> httpx.Response:
    scheme = "Api-Key" if endpoint == "maiagent" else "Bearer"
    headers = {"authorization": f"{scheme} {box.agents[endpoint]['api_key']}"}
    path = path.format(**box.agents[endpoint])
    return httpx.get(box.url + path, params=params, headers=headers, trust_env=False)


KNOWLEDGE = "/api/v1/control/knowledge-bases"
DAYS = {"startDate": "2024-01-01", "endDate": "2024-01-31"}
RECORDS = "/api/chatbots/{agent_id}/records/"
LISTS: list[tuple[str, str, dict[str, Any], set[str]]] = [
    ("maiagent", "/api/conversations/", {"pageSize": 2}, {"next", "previous", "results"}),
    ("maiagent", "/api/messages/", {"pageSize": 2}, {"count", "next", "previous", "results"}),
    ("maiagent", RECORDS, {**DAYS, "pageSize": 2}, {"count", "next", "previous", "results"}),
    ("maiagent", "/api/v1/chatbots/", {}, {"count", "next", "previous", "results"}),
    ("maiagent", "/api/v1/contacts/", {"limit": 1}, {"count", "next", "previous", "results"}),
    ("maiagent", "/api/contacts/", {"pageSize": 1}, {"count", "next", "previous", "results"}),
    ("cloudbase", f"{BOT}/conversation", {"limit": 2}, {"data", "total"}),
    ("cloudbase", f"{BOT}/records", {"sort": "asc", "pageSize": 2}, {"recordList", "total"}),
    ("cloudbase", f"{BOT}/feedback", {}, {"feedbackList", "total"}),
    ("bluenexus", "/api/v1/agents", {}, {"data", "pagination"}),
    ("bluenexus", "/api/v1/agents/default/conversations", {}, {"data", "pagination"}),
    (
        "private_ai",
        f"{PAIS}/agents",
        {},
        {"object", "data", "has_more", "num_objects", "first_id", "last_id"},
    ),
    ("private_ai", f"{PAIS}/models", {}, {"object", "data"}),
]


@pytest.mark.parametrize(("endpoint", "path", "query", "keys"), LISTS, ids=[e[1] for e in LISTS])
def test_lists_have_the_vendors_keys(
    endpoint: str, path: str, query: Any, keys: set[str], archive: Sandbox
) -> None:
    body = get(archive, endpoint, path, **query).json()
    assert set(body) == keys
    link = body.get("next")
    assert link is None or link.startswith(f"{archive.url}{path.split('{')[0]}")


@pytest.mark.parametrize("query", [{"limit": 1}, {"pageSize": 1}, {"page": 1, "pageSize": 1}])
def test_contacts_come_in_pages_of_either_kind(archive: Sandbox, query: Any) -> None:
    client = client_of(archive, "maiagent")
    for name in ("Ann", "Bo"):
        client.contacts.create(name)
    body = get(archive, "maiagent", "/api/contacts/", **query).json()
    assert len(body["results"]) == 1 < body["count"]
    assert ("page=2" if "pageSize" in query else "offset=1") in body["next"]


def test_the_web_chats_are_a_bare_array(archive: Sandbox) -> None:
    (one,) = get(archive, "maiagent", "/api/v1/web-chats/").json()
    assert set(one) == {"id", "name", "avatar"}


def test_times_are_digits_with_maiagent_and_iso_elsewhere(archive: Sandbox) -> None:
    archive.seed_records(1, "cloudbase")
    (record,) = get(archive, "maiagent", RECORDS, **DAYS, pageSize=1).json()["results"]
    assert record["createdAt"] == "1704067201000"
    path = f"{BOT}/records"
    record = get(archive, "cloudbase", path, sort="desc", pageSize=1).json()["recordList"][0]
    assert record["createTime"] == "2024-01-01T00:00:01.000Z"
    assert record["role"] == "assistant"


@pytest.mark.parametrize(
    ("endpoint", "path", "query", "status", "said"),
    [
        ("maiagent", RECORDS, {}, 400, "startDate"),
        ("maiagent", RECORDS, {**DAYS, "page": 999_999}, 404, "Invalid page."),
        ("maiagent", "/api/conversations/", {"cursor": "x"}, 404, "Invalid cursor"),
        ("maiagent", "/api/conversations/", {"cursor": "WzFd"}, 404, "Invalid cursor"),  # [1]
        ("maiagent", "/api/messages/", {"cursor": "WzEsMl0="}, 404, "Invalid cursor"),  # [1,2]
        ("maiagent", "/api/conversations", {}, 301, ""),
        ("cloudbase", f"{BOT}/records", {}, 400, "sort is required"),
        ("cloudbase", f"{BOT}/feedback", {"minRating": "good"}, 400, "minRating"),
        ("cloudbase", f"{BOT}/feedback", {"to": "yesterday"}, 400, "to cannot be"),
        ("cloudbase", f"{BOT}/feedback", {"from": "2025-01-01"}, 400, "from cannot be"),
        ("bluenexus", "/api/v1/agents/x/conversations", {}, 404, "not found"),
        ("private_ai", f"{PAIS}/agents", {"limit": 0}, 422, "greater than 0"),
        ("private_ai", f"{PAIS}/agents", {"limit": 1000}, 422, "less than 1000"),
        ("private_ai", KNOWLEDGE, {"limit": 1000}, 422, "less than 1000"),
        ("private_ai", KNOWLEDGE, {"order": "newest"}, 422, "order"),
    ],
)
def test_wrong_requests_are_refused(
    endpoint: str, path: str, query: Any, status: int, said: str, archive: Sandbox
) -> None:
    answer = get(archive, endpoint, path, **query)
    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize(("endpoint", "path"), [(e[0], e[1]) for e in LISTS])
def test_lists_need_the_key(endpoint: str, path: str, archive: Sandbox) -> None:
    path = path.format(**archive.agents[endpoint])
    assert httpx.get(archive.url + path, trust_env=False).status_code == 401


def test_the_template_takes_the_offset_for_a_page(archive: Sandbox) -> None:
    archive.seed_records(80, "cloudbase")
    archive.configure(cloudbase_lists="template")
    try:
        path = f"{BOT}/conversation"
        far = get(archive, "cloudbase", path, limit=3, offset=3).json()
        second = get(archive, "cloudbase", path, limit=3, offset=1).json()
    finally:
        archive.configure(cloudbase_lists="hosted")
    assert (far["data"], len(second["data"])) == ([], 3)
    assert far["total"] >= 8
