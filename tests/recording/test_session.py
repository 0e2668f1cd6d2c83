"""A whole session with secrets in every place, over a socket, by every way to ask."""

import json

import pytest

from remote_agents import AgentError, Recorder, Replay
from remote_agents.testing.ways import FRAMEWORKS, Way, asked
from tests.raw_server import head, serving

SECRETS = {
    "key": "sk-live-4cf1a9e2b7d3",
    "header": "tenant-Zebrafish-9911",
    "body": "Projekt Nachtigall",
    "question": "Wilhelmine Oberhauser-Kröger",
    "mail": "w.oberhauser@nachtigall.example",
    "id": "thr_8Kd02mmQp1",
    "host": "intern.nachtigall.example",
    "cookie": "sid=77aa91bc0cookie",
    "number": "4917012345678",
    "error": "Konto 99817263 gesperrt",
}


def frames() -> bytes:
    pieces = [SECRETS["question"][at : at + 5] for at in range(0, len(SECRETS["question"]), 5)]
    told = [{"choices": [{"delta": {"content": piece}}], "id": SECRETS["id"]} for piece in pieces]
    link = f"https://{SECRETS['host']}/a?u={SECRETS['mail'].replace('@', '%40')}"
    told.append({"choices": [{"delta": {"content": f" {link}"}}], SECRETS["mail"]: {"n": 1}})
    told.append({"choices": [{"delta": {}, "finish_reason": "stop"}], "tel": 4917012345678})
    lines = [
        f"data: {json.dumps(each, ensure_ascii=n % 2 == 0)}\n\n" for n, each in enumerate(told)
    ]
    return "".join([f": {SECRETS['host']}\n", *lines, "data: [DONE]\n\n"]).encode()


@pytest.mark.parametrize("awaited", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_nothing_of_it_is_in_the_recording(framework: str, awaited: bool) -> None:
    answer = [
        head(
            "text/event-stream",
            "200 OK",
            f"X-Conversation-Id: {SECRETS['id']}",
            f"Set-Cookie: {SECRETS['cookie']}",
            f"X-Served-By: {SECRETS['host']}",
            length=len(frames()),
        ),
        *(frames()[at : at + 50] for at in range(0, len(frames()), 50)),
    ]
    said = json.dumps({"message": SECRETS["error"], "path": f"/{SECRETS['id']}"}).encode()
    refusal = [head("application/json", "403 Forbidden", length=len(said)), said]
    with serving(answer, refusal) as server:
        settings = {
            "base_url": f"{server.url}/{SECRETS['header']}",
            "agent_id": SECRETS["id"],
            "api_key": SECRETS["key"],
            "default_headers": {"X-Tenant": SECRETS["header"], "Cookie": SECRETS["cookie"]},
            "extra_body": {"metadata": {SECRETS["mail"]: [SECRETS["body"]]}},
        }
        way = Way(framework, "bluenexus", streamed=True, awaited=awaited, **settings)
        with Recorder(way.model) as recorder:
            told = asked(way, f"I am {SECRETS['question']}, {SECRETS['mail']}")
            with pytest.raises(AgentError):
                asked(way, f"And {SECRETS['body']}?", session=SECRETS["id"])
    assert told.text.startswith(SECRETS["question"])
    text = str(recorder.transcript())
    for secret in SECRETS.values():
        for part in [secret, *secret.replace("@", " ").replace("-", " ").split()]:
            assert len(part) < 5 or part not in text, part
    with Replay(recorder.transcript()) as replay:
        again = Way(framework, "bluenexus", streamed=True, awaited=awaited, **replay.kwargs())
        with pytest.raises(AgentError, match="not what was recorded"):
            asked(again, "Something else")
