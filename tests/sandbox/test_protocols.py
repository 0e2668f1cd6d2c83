import uuid

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.directory import AGENTS
from tests.sandbox.calls import BOTH, ENDPOINTS, PLAIN, Caller, frames, text_of, user

VACATION = "How many vacation days do I get?"


@pytest.mark.parametrize("endpoint", PLAIN)
def test_streamed_and_plain_answers_agree(call: Caller, endpoint: str) -> None:
    assert call.ask(endpoint, VACATION, stream=True) == call.ask(endpoint, VACATION)


@pytest.mark.parametrize(("endpoint", "stream"), BOTH)
def test_answers_from_the_handbook_and_says_where(
    call: Caller, endpoint: str, stream: bool
) -> None:
    text = call.ask(endpoint, VACATION, stream)
    assert "25" in text
    assert "(see Vacation)" in text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_answer_has_a_request_id(call: Caller, endpoint: str) -> None:
    first, second = (call.post(endpoint).headers["x-request-id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_wrong_key_is_refused_in_the_vendors_shape(call: Caller, endpoint: str) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Api-Key wrong"}):
        reply = call.http.post(call.path(endpoint), json=call.body(endpoint, "hi"), headers=headers)
        assert reply.status_code == 401
        assert set(reply.json()) == ERROR_KEYS[endpoint]


ERROR_KEYS = {
    **{name: {"error"} for name in ENDPOINTS},
    "ag_ui": {"detail"},
    "cloudbase": {"code", "message", "requestId"},
    "cloudbase_openai": {"code", "message", "requestId"},
    "private_ai": {"detail"},
    "bluenexus": {"statusCode", "message", "error"},
    "maiagent": {"detail"},
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_unknown_agent_is_404(call: Caller, endpoint: str) -> None:
    body = call.body(endpoint, "hi")
    if endpoint == "cloudbase_openai":
        body["model"] = "bot-other"
    path = call.path(endpoint, agent=str(uuid.uuid4()))
    reply = call.http.post(path, json=body, headers=call.headers(endpoint))
    assert reply.status_code == 404
    assert set(reply.json()) == ERROR_KEYS[endpoint]


RUN = {"threadId": "t", "runId": "r"}
ASKED = {"messages": [{"id": "1", **user("x")}]}
BAD_BODIES = [
    ("cloudbase", {}, 400),
    ("cloudbase", {"msg": 3}, 400),
    ("cloudbase", {"msg": "x", "history": [{"role": "user"}]}, 400),
    ("cloudbase", {"msg": "x", "searchEnable": "true"}, 400),
    ("cloudbase", {"msg": "x", "files": ["file:///etc/passwd"]}, 400),
    ("cloudbase", {"msg": "x", "files": ["http://files.example/a.pdf"]}, 400),
    ("cloudbase", ASKED, 400),
    ("ag_ui", {}, 422),
    ("ag_ui", {"runId": "r", **ASKED}, 422),
    ("ag_ui", {"threadId": "t", **ASKED}, 422),
    ("ag_ui", {"threadId": 7, "runId": "r", **ASKED}, 422),
    ("ag_ui", {**RUN}, 422),
    ("ag_ui", {**RUN, "messages": []}, 422),
    ("ag_ui", {**RUN, "messages": [user("x")]}, 422),
    ("ag_ui", {**RUN, "messages": [{"id": "1", "role": "user", "content": [3]}]}, 422),
    ("ag_ui", {**RUN, "messages": [{"id": "1", "role": "tool", "content": "x"}]}, 422),
    ("ag_ui", {**RUN, **ASKED, "tools": [{"name": "f"}]}, 422),
    ("ag_ui", {**RUN, **ASKED, "context": [{"value": "x"}]}, 422),
    ("ag_ui", {**RUN, **ASKED, "context": "x"}, 422),
    ("ag_ui", {**RUN, **ASKED, "forwardedProps": "x"}, 422),
    ("ag_ui", {**RUN, **ASKED, "resume": ["yes"]}, 422),
    ("cloudbase_openai", {"model": "bot-handbook", "messages": [user("x")]}, 400),
    ("cloudbase_openai", {"model": "bot-handbook", "messages": [], "stream": False}, 400),
    (
        "cloudbase_openai",
        {"model": "bot-handbook", "messages": [{**user("x"), "role": "developer"}], "stream": True},
        400,
    ),
    ("cloudbase_openai", {"messages": [user("x")], "stream": False}, 400),
    ("private_ai", {}, 422),
    ("private_ai", {"messages": []}, 422),
    ("private_ai", {"messages": [user("x")], "stream": "true"}, 422),
    ("private_ai", {"messages": [user("x")], "n": 0}, 422),
    ("private_ai", {"messages": [user("x")], "max_tokens": 0}, 422),
    ("private_ai", {"messages": [user("x")], "stop": []}, 422),
    ("private_ai", {"messages": [user("x")], "stop": [""]}, 422),
    ("private_ai", {"messages": [user("x")], "temperature": 2.5}, 422),
    ("private_ai", {"messages": [user("x")], "store_in_session": "s1"}, 422),
    ("private_ai", {"messages": [user("x")], "model": "gpt-4"}, 400),
    ("private_ai", {"messages": [{"role": "tool", "content": "x"}]}, 400),
    ("bluenexus", {}, 400),
    ("bluenexus", {"messages": [{"role": "user", "content": []}]}, 400),
    ("bluenexus", {"messages": [user("x")], "stream": 1}, 400),
    ("maiagent", {}, 400),
    ("maiagent", {"message": {"content": ""}}, 400),
    ("maiagent", {"message": {"content": "x"}, "isStreaming": {}}, 400),
    ("maiagent", {"message": {"content": "x", "attachments": {}}}, 400),
    ("maiagent", {"message": {"content": "x", "metadata": "x"}}, 400),
    ("maiagent", {"message": {"content": "x", "sender": str(uuid.uuid4())}}, 400),
    ("maiagent", {"message": {"content": "x"}, "conversation": "nope"}, 400),
    ("maiagent", {"message": {"content": "x", "attachments": [{"type": "video"}]}}, 400),
]


@pytest.mark.parametrize(("endpoint", "body", "status"), BAD_BODIES)
def test_bad_bodies(call: Caller, endpoint: str, body: dict[str, object], status: int) -> None:
    reply = call.http.post(call.path(endpoint), json=body, headers=call.headers(endpoint))
    assert reply.status_code == status, reply.text
    assert call.box.turns() == []


@pytest.mark.parametrize(
    "body",
    [
        {"msg": "x"},
        {"messages": []},
        {**ASKED, "forwardedProps": [1]},
        {**ASKED, "context": [{}]},
    ],
)
def test_bad_bodies_of_a_newer_agent_of_cloudbase(call: Caller, body: dict[str, object]) -> None:
    path = call.path("cloudbase", call.box.agents["cloudbase"]["ag_ui_agent_id"])
    reply = call.http.post(path, json=body, headers=call.headers("cloudbase"))
    assert reply.status_code == 400, reply.text
    assert call.box.turns() == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_body_that_is_not_json(call: Caller, endpoint: str) -> None:
    headers = {**call.headers(endpoint), "content-type": "application/json"}
    reply = call.http.post(call.path(endpoint), content=b"{", headers=headers)
    assert reply.status_code in (400, 422)


def test_fastapi_names_the_field(call: Caller) -> None:
    detail = call.post("private_ai", stream="yes").json()["detail"]
    assert detail == [
        {
            "loc": ["body", "stream"],
            "msg": "value is not a valid boolean",
            "type": "type_error.bool",
        }
    ]


def test_nestjs_lists_its_fields(call: Caller) -> None:
    body = call.post("bluenexus", temperature="hot").json()
    assert body["statusCode"] == 400
    assert body["message"] == ["temperature must be a number from 0 to 2"]
    assert body["errors"][0]["field"] == "temperature"


def test_drf_nests_its_fields(call: Caller) -> None:
    body = {"message": {"content": " ", "sender": "x"}}
    path, headers = call.path("maiagent"), call.headers("maiagent")
    assert call.http.post(path, json=body, headers=headers).json() == {
        "message": {
            "content": ["This field may not be blank."],
            "sender": ["Must be a valid UUID."],
        }
    }


def test_drf_checks_a_stored_message_as_an_asked_one(call: Caller) -> None:
    headers = call.headers("maiagent")
    web_chat = {"webChat": AGENTS["maiagent"].extra["web_chat_id"]}
    opened = call.http.post("/api/conversations/", json=web_chat, headers=headers).json()
    body = {"conversation": opened["id"], "content": [], "queryMetadata": "x", "attachments": 3}
    reply = call.http.post("/api/messages/", json=body, headers=headers)
    assert (reply.status_code, reply.json()) == (
        400,
        {
            "content": ["Not a valid string."],
            "attachments": ['Expected a list of items but got type "int".'],
            "queryMetadata": ["Value must be a JSON object."],
        },
    )
    told = {**headers, "content-type": "text/plain"}
    reply = call.http.post(call.path("maiagent"), content=b"Hello", headers=told)
    assert (reply.status_code, reply.json()) == (
        415,
        {"detail": 'Unsupported media type "text/plain" in request.'},
    )


def test_cloudbase_classic_frames(call: Caller) -> None:
    reply = call.post("cloudbase", VACATION, searchEnable=True)
    seen = frames(reply)
    kinds = list(dict.fromkeys(frame["type"] for frame in seen))
    assert kinds == ["search", "knowledge", "thinking", "text", "finish"]
    assert seen[0]["search_info"]["search_results"][0]["index"] == "[1]"
    knowledge = seen[1]
    assert knowledge["knowledge_base"][0] == "handbook"
    assert knowledge["knowledge_meta"][0]["fileName"] == "vacation.md"
    totals = [f["usage"]["completionTokens"] for f in seen if f["type"] in ("text", "finish")]
    assert totals == sorted(totals)
    assert seen[-1]["finish_reason"] == "stop"
    assert seen[-1]["created"] > 1e11
    assert all(f["content"] == "" for f in seen if f["type"] != "text")
    assert reply.text.endswith("data: [DONE]\n\n")


def test_cloudbase_searches_only_when_asked(call: Caller) -> None:
    assert "search" not in {frame["type"] for frame in frames(call.post("cloudbase", VACATION))}


def test_cloudbase_openai_frames(call: Caller) -> None:
    reply = call.post("cloudbase_openai", VACATION, stream=True)
    seen = frames(reply)
    reasons = [frame["choices"][0]["finish_reason"] for frame in seen]
    assert reasons == ["continue"] * (len(seen) - 1) + ["stop"]
    assert seen[0]["created"].isdigit()
    assert seen[-1]["usage"] == call.post("cloudbase_openai", VACATION).json()["usage"]
    assert reply.text.endswith("data: [DONE]\n\n")


def test_private_ai_frames(call: Caller) -> None:
    reply = call.post("private_ai", VACATION, stream=True, create_session=True)
    seen = frames(reply)
    assert uuid.UUID(seen[0]["session_id"])
    assert seen[0]["index_context_info"][0]["metadata"]["origin_name"] == "vacation.md"
    assert seen[-1]["choices"][0]["finish_reason"] == "stop"
    assert seen[-1]["choices"][0]["delta"]["content"]
    assert not any("usage" in frame for frame in seen)


def test_private_ai_speaks_on_both_routes(call: Caller) -> None:
    path = call.path("private_ai").replace("/agents/", "/assistants/")
    body, headers = call.body("private_ai", VACATION), call.headers("private_ai")
    assert "25" in text_of(call.http.post(path, json=body, headers=headers))


def test_private_ai_honours_its_parameters(call: Caller) -> None:
    reply = call.post("private_ai", VACATION, n=2, max_tokens=3).json()
    assert [choice["index"] for choice in reply["choices"]] == [0, 1]
    assert [choice["finish_reason"] for choice in reply["choices"]] == ["length"] * 2
    assert reply["choices"][0]["message"]["content"] == "Full-time employees receive"
    assert reply["usage"]["completion_tokens"] == 6
    assert call.ask("private_ai", VACATION, stop=["receive"]) == "Full-time employees"
    last = frames(call.post("private_ai", VACATION, stream=True, max_tokens=3))[-1]
    assert last["choices"][0]["finish_reason"] == "length"


def test_private_ai_can_refuse_system_messages(call: Caller) -> None:
    messages = [{"role": "system", "content": "Be brief."}, user("Hello")]
    assert call.post("private_ai", messages).status_code == 200
    call.box.configure(refuse_system=True)
    reply = call.post("private_ai", messages)
    assert (reply.status_code, reply.json()) == (400, {"detail": "Unsupported role: system"})


def test_bluenexus_frames_are_minimal(call: Caller) -> None:
    reply = call.post("bluenexus", stream=True)
    assert frames(reply)[0] == {"choices": [{"delta": {"role": "assistant"}}]}
    assert frames(reply)[1] == {"choices": [{"delta": {"content": "Hello!"}}]}
    assert reply.headers["x-conversation-id"].startswith("conv-")
    assert "x-credits-remaining" in reply.headers
    assert "x-credits-consumed" not in reply.headers
    assert int(call.post("bluenexus").headers["x-credits-consumed"]) >= 1


def test_bluenexus_default_agent(call: Caller) -> None:
    path = call.path("bluenexus", "default")
    body, headers = call.body("bluenexus", "hi"), call.headers("bluenexus")
    assert call.http.post(path, json=body, headers=headers).status_code == 200


def test_bluenexus_limits_its_rate(call: Caller) -> None:
    call.box.configure(rate_limit="2/minute")
    statuses = [call.post("bluenexus").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    refused = call.post("bluenexus")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json() == {
        "error": "TooManyRequestsError",
        "message": "Rate limit exceeded",
        "statusCode": 429,
    }


def test_bluenexus_limits_each_kind_of_path_on_its_own(call: Caller) -> None:
    call.box.configure(rate_limit="1/minute")
    headers = call.headers("bluenexus")
    paths = ("/api/v1/agents", f"/api/v1/agents/{AGENTS['bluenexus'].agent_id}")
    statuses = [call.http.get(paths[i % 2], headers=headers).status_code for i in range(101)]
    assert statuses == [200] * 100 + [429]
    assert [call.post("bluenexus").status_code for _ in range(2)] == [200, 429]


def test_bluenexus_wants_credits(call: Caller) -> None:
    call.box.configure(credits=0)
    refused = call.post("bluenexus")
    assert refused.status_code == 402
    assert refused.json() == {
        "error": "CreditsExhaustedError",
        "message": "Insufficient credit balance",
        "statusCode": 402,
    }


def test_maiagent_frames(call: Caller) -> None:
    seen = frames(call.post("maiagent", VACATION, stream=True))
    assert [frame["done"] for frame in seen] == [False] * (len(seen) - 1) + [True]
    assert seen[-1]["content"] == ""
    assert seen[-1]["citations"][0]["filename"] == "vacation.md"
    assert "25" in seen[-1]["citationNodes"][0]["chatbotTextNode"]["text"]
    assert "citations" not in seen[0]


def test_maiagent_takes_snake_case_and_both_roots(call: Caller) -> None:
    path = call.path("maiagent").replace("/api/", "/api/v1/")
    body = {"message": {"content": "hi", "query_metadata": {"a": 1}}, "is_streaming": True}
    reply = call.http.post(path, json=body, headers=call.headers("maiagent"))
    assert frames(reply)[-1]["done"] is True


def test_maiagent_wants_its_slash(call: Caller) -> None:
    path, headers = call.path("maiagent").rstrip("/"), call.headers("maiagent")
    assert call.http.post(path, json={}, headers=headers).status_code == 404
    moved = call.http.get(path, headers=headers)
    assert moved.status_code == 301
    assert moved.headers["location"].endswith("/completions/")


@pytest.mark.parametrize("taken", ["text/event-stream", "image/png", "text/plain, */*;q=0.1"])
def test_maiagent_gives_what_its_framework_can(call: Caller, taken: str) -> None:
    headers = {**call.headers("maiagent"), "accept": taken}
    reply = call.http.post(
        call.path("maiagent"), json=call.body("maiagent", "hi", stream=True), headers=headers
    )
    assert reply.status_code == (200 if "*/*" in taken else 406)


def test_maiagent_knows_its_contact(call: Caller) -> None:
    sender = call.box.agents["maiagent"]["contact_id"]
    body = {"message": {"content": "hi", "sender": sender}}
    reply = call.http.post(call.path("maiagent"), json=body, headers=call.headers("maiagent"))
    assert reply.status_code == 200


def test_the_manifest(call: Caller, box: Sandbox) -> None:
    agents = call.http.get("/").json()["agents"]
    assert tuple(agents) == ENDPOINTS
    assert agents == box.agents
    assert agents["bluenexus"]["env"]["BLUENEXUS_AGENT_ID"] == agents["bluenexus"]["agent_id"]
    assert box.kwargs("maiagent") == {
        "base_url": box.url,
        "agent_id": agents["maiagent"]["agent_id"],
        "api_key": "sandbox-maiagent-key",
    }
    known = {name: value for agent in agents.values() for name, value in agent["env"].items()}
    assert box.env() == known
