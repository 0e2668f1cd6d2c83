"""Values that JSON and addresses can hold, and that no answer of a service may break on."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from remote_agents import CloudBaseOpenAI
from remote_agents.sandbox import Sandbox
from tests.sandbox.calls import Caller, user

HUGE = 10**400
DAYS = {"startDate": "2020-01-01", "endDate": "2099-12-31"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", ["n", "max_tokens", "max_completion_tokens"])
def test_a_whole_number_may_have_a_point(call: Caller, name: str, stream: bool) -> None:
    body = call.body("private_ai", "Count to 3", stream=stream, **{name: 2.0})
    headers = call.headers("private_ai")
    reply = call.http.post(call.path("private_ai"), json=body, headers=headers)
    assert reply.status_code == 200
    assert "1" in reply.text


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [("private_ai", "temperature"), ("private_ai", "n"), ("bluenexus", "max_tokens")],
)
def test_a_number_without_end_is_refused(call: Caller, endpoint: str, name: str) -> None:
    body = call.body(endpoint, "hi", **{name: HUGE})
    reply = call.http.post(call.path(endpoint), json=body, headers=call.headers(endpoint))
    assert reply.status_code in (400, 422), reply.text


@pytest.mark.parametrize("value", ["\u00b2", "9" * 25, "\u0663"])
def test_a_page_without_a_number_is_refused(call: Caller, value: str) -> None:
    path = "/v1/aibot/bots/bot-handbook/records"
    reply = call.http.get(
        path,
        params={"sort": "desc", "pageSize": 2, "pageNumber": value, "conversationId": "c"},
        headers=call.headers("cloudbase"),
    )
    assert reply.status_code in (400, 404), reply.text
    path = f"/api/chatbots/{call.box.agents['maiagent']['agent_id']}/records/"
    query = {**DAYS, "page": value}
    reply = call.http.get(path, params=query, headers=call.headers("maiagent"))
    assert (reply.status_code, reply.json()) == (404, {"detail": "Invalid page."})


LISTS = {
    "cloudbase": "/v1/aibot/bots/bot-handbook/",
    "private_ai": "/api/v1/compatibility/openai/v1/",
    "bluenexus": "/api/v1/agents",
}
NO_NUMBERS = [
    ("cloudbase", "records?sort=asc&", "pageSize"),
    ("cloudbase", "feedback?", "pageSize"),
    ("cloudbase", "conversation?", "limit"),
    ("private_ai", "agents?", "limit"),
    ("private_ai", "assistants?", "offset"),
    ("bluenexus", "?", "page"),
    ("bluenexus", "/agent-3f9c21/conversations?", "limit"),
    ("bluenexus", "/default/memories?", "limit"),
]
NOT_TAKEN = {
    "cloudbase": (400, lambda name: f"{name} must be a number"),
    "private_ai": (
        422,
        lambda name: [
            {
                "loc": ["query", name],
                "msg": "value is not a valid integer",
                "type": "type_error.integer",
            }
        ],
    ),
    "bluenexus": (
        400,
        lambda name: [{"field": name, "message": f"{name} must be a number", "value": "x"}],
    ),
}


@pytest.mark.parametrize(("endpoint", "page", "name"), NO_NUMBERS)
def test_a_page_of_no_number_is_refused(call: Caller, endpoint: str, page: str, name: str) -> None:
    path = f"{LISTS[endpoint]}{page}{name}="
    headers = call.headers(endpoint)
    assert call.http.get(f"{path}1", headers=headers).status_code == 200
    reply = call.http.get(f"{path}x", headers=headers)
    status, said = NOT_TAKEN[endpoint]
    assert reply.status_code == status, reply.text
    assert said(name) in reply.json().values()


@pytest.mark.parametrize(
    ("page", "fits"), [("records?pageSize=1&sort", "desc"), ("feedback?type", "upvote")]
)
def test_cloudbase_refuses_a_word_that_there_is_not(call: Caller, page: str, fits: str) -> None:
    headers, path = call.headers("cloudbase"), f"{LISTS['cloudbase']}{page}="
    replies = [call.http.get(path + word, headers=headers) for word in (fits, "x")]
    assert [reply.status_code for reply in replies] == [200, 400]
    assert replies[1].json()["code"] == "INVALID_PARAM"


def test_django_passes_over_the_size_of_a_page_that_is_none(call: Caller) -> None:
    for size in ("x", "0", "-1"):
        for page in ("chatbots/?pageSize", "conversations/?pageSize", "contacts/?limit"):
            reply = call.http.get(f"/api/v1/{page}={size}", headers=call.headers("maiagent"))
            assert reply.status_code == 200, reply.text


def test_an_export_leaves_out_what_no_sheet_can_hold(call: Caller) -> None:
    call.ask("maiagent", "Say: \x1b[31mred")
    chatbot = call.box.agents["maiagent"]["agent_id"]
    path = f"/api/chatbots/{chatbot}/records/export-excel/"
    reply = call.http.get(path, params=DAYS, headers=call.headers("maiagent"))
    assert reply.status_code == 200, reply.text
    rows = [*openpyxl.load_workbook(io.BytesIO(reply.content)).active.values]
    assert "[31mred" in rows[-1][2]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_method_that_there_is_not_names_the_one_that_there_is(call: Caller, method: str) -> None:
    reply = call.http.request(method, call.path("ag_ui"), headers=call.headers("ag_ui"))
    assert (reply.status_code, reply.headers["allow"]) == (405, "POST")


WAYS: dict[str, Any] = {
    "whole": lambda agent, text: agent.ask(text).text,
    "streamed": lambda agent, text: [*agent.stream(text)][-1].reply.text,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_agent_hosted_by_somebody_answers_in_events(box: Sandbox, way: str) -> None:
    with CloudBaseOpenAI(**box.kwargs("cloudbase_openai"), route="bots") as agent:
        assert "16 weeks" in WAYS[way](agent, "How long is parental leave?")


def test_such_an_agent_refuses_what_is_no_list_of_messages(call: Caller) -> None:
    path = "/v1/aibot/bots/bot-handbook/chat/completions"
    for body in ({}, {"messages": []}, {"messages": [{**user("x"), "role": "zz"}]}):
        reply = call.http.post(path, json=body, headers=call.headers("cloudbase_openai"))
        assert reply.status_code == 400, reply.text
