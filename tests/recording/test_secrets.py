"""No recording holds what is somebody's own, wherever in a session it stood."""

import base64
import json
import re
from collections.abc import Callable
from functools import cache
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings, strategies as st

from remote_agents import ENDPOINTS
from remote_agents.recording.anonymizing import Anonymizer
from remote_agents.recording.standins import StandIns
from remote_agents.recording.transcript import BORDER, Interaction, Transcript
from remote_agents.recording.words import vocabulary

KNOWN = vocabulary(ENDPOINTS["cloudbase"])

words = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789", min_size=6, max_size=12)
foreign = st.text(
    "äöüßéèñçøåłšžабвгдежзиклмнопрстуαβγδεζηθικλμ你好世界知识库会话问题", min_size=6, max_size=9
)
secrets = st.one_of(
    words,
    foreign,
    st.builds("{}@{}.example".format, words, words),
    st.builds("sk-{}_{}".format, words, words),
    st.builds("{} {}, {} 🙂 {}".format, words, foreign, words, foreign),
    st.builds("https://{}.example/{}?q={}#x".format, words, words, words),
    st.integers(10**8, 10**15).map(str),
    st.uuids().map(str),
).filter(lambda secret: is_nobodys(secret))


def is_nobodys(secret: str) -> bool:
    """Whether no word of it stands in a recording whatever was said."""
    return not any(is_usual(word) for word in re.findall(r"[^\W_]{6,}", secret))


def is_usual(word: str) -> bool:
    """Whether a word, or one that it is a part of, stands in a recording whatever was said.

    "Infinity" is a number of JSON where a lost quote turns around what is a text.
    """
    return KNOWN.knows(word) or word == "Infinity" or any(word in text for text in usual_texts())


@cache
def usual_texts() -> list[str]:
    told = [place("Zyxwvu-98765") for place in PLACES.values()]
    return readings(Anonymizer(KNOWN).transcript(Transcript({}, told)))


Escape = Callable[[str], str]
ESCAPES: dict[str, Escape] = {
    "as it is": str,
    "percent": lambda text: quote(text, safe=""),
    "every letter percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "twice percent": lambda text: quote(quote(text, safe=""), safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "url base64": lambda text: base64.urlsafe_b64encode(f"a:{text}".encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "every letter JSON": lambda text: "".join(
        f"\\u{int.from_bytes(code, 'big'):04X}"
        for letter in text
        for code in _halves(letter.encode("utf-16-be"))
    ),
    "JSON in JSON": lambda text: json.dumps({"city": text}),
}


def _halves(code: bytes) -> list[bytes]:
    return [code[at : at + 2] for at in range(0, len(code), 2)]


def line(text: str) -> str:
    return quote(text, safe=" /:@?=&,+%{}\\\"'")  # what a header and a target can hold


def escaped(text: str) -> str:
    return quote(text, safe="")


def frames(text: str, size: int, key: str) -> str:
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    told = [f"data: {json.dumps({'type': 'text', key: part})}\n\n" for part in parts]
    return "".join(told) + "data: [DONE]\n\n"


def in_body(
    body: str, kind: str = "application/json", status: int = 200, size: int = 7
) -> Interaction:
    raw = body.encode("utf-8", "surrogatepass")
    return Interaction(
        "POST",
        "/v1/aibot/bots/bot-1/send-message",
        status=status,
        answer_headers=[("Content-Type", kind)],
        pieces=[raw[at : at + size] for at in range(0, len(raw), size)],
        end="whole",
    )


def asked(**parts: object) -> Interaction:
    return Interaction("POST", **{"target": "/v1/aibot", "status": 200, **parts})


SSE = "text/event-stream"
PLACES: dict[str, Callable[[str], Interaction]] = {
    "key": lambda s: asked(headers=[("Authorization", f"Bearer {line(s)}")]),
    "header": lambda s: asked(headers=[("X-Tenant", line(s)), ("X-Api-Key", line(s))]),
    "basic auth": lambda s: asked(
        headers=[("Proxy-Authorization", f"Basic {ESCAPES['base64'](s)}")]
    ),
    "cookie": lambda s: asked(
        headers=[("Cookie", f"sid={line(s)}; theme=dark")],
        answer_headers=[("Set-Cookie", f"sid={line(s)}; Path=/; HttpOnly")],
    ),
    "answer's header": lambda s: asked(answer_headers=[("X-Conversation-Id", line(s))]),
    "content type": lambda s: asked(
        headers=[("Content-Type", f"application/json; name={line(s)}")]
    ),
    "user agent": lambda s: asked(headers=[("User-Agent", f"remote-agents/0.1.0 (x) {line(s)}")]),
    "path": lambda s: asked(target=f"/v1/aibot/bots/{quote(s, safe='')}/messages"),
    "query": lambda s: asked(target=f"/v1?user={quote(s)}&page=2&{quote(s)}=1"),
    "address in a query": lambda s: asked(
        target=f"/v1/{quote(s)}?next=http://x.example/{quote(s)}"
    ),
    "no path": lambda s: asked(
        target=f"https://u:{quote(s, safe='')}@x.example?{quote(s, safe='')}"
    ),
    "name of a header": lambda s: asked(headers=[(f"X-{escaped(s)}", "1")]),
    "form": lambda s: asked(
        headers=[("Content-Type", "application/x-www-form-urlencoded")], body=f"a={s}".encode()
    ),
    "other host": lambda s: asked(target=f"https://x.example/{quote(s)}?sign={quote(s)}"),
    "question": lambda s: asked(body=json.dumps({"msg": f"I am {s}."}).encode()),
    "question in UTF-8": lambda s: asked(body=json.dumps({"msg": s}, ensure_ascii=False).encode()),
    "a form": lambda s: asked(
        headers=[("Content-Type", "multipart/form-data; boundary=x")], body=f"--x\r\n{s}".encode()
    ),
    "a file": lambda s: asked(headers=[("Content-Type", "image/png")], body=s.encode("utf-16")),
    "text": lambda s: in_body(json.dumps({"content": f"So, {s}!"})),
    "under a word of kinds": lambda s: in_body(json.dumps({"type": s, "role": s, "status": s})),
    "name of a field": lambda s: in_body(json.dumps({"usage": {s: 3, f"x_{s}": [s]}})),
    "deep": lambda s: in_body(json.dumps({"data": [[{"meta": {"items": [1, [s]]}}]]})),
    "a number": lambda s: in_body(json.dumps({"phone": int("1" + re.sub(r"\D", "", s) + "00001")})),
    "an error": lambda s: in_body(json.dumps({"message": f"No access for {s}"}), status=403),
    "a web page": lambda s: in_body(f"<html><a href='?x={quote(s)}'>{s}</a></html>", "text/html"),
    "plain": lambda s: in_body(f"Bad gateway: {s}\r\n{s}", "text/plain", 502),
    "no type": lambda s: Interaction("GET", "/", status=200, pieces=[s.encode()], end="whole"),
    "stream": lambda s: in_body(frames(s, 3, "content"), SSE),
    "stream, unknown field": lambda s: in_body(frames(s, 2, "zzyzx"), SSE),
    "event": lambda s: in_body(
        f"event: {line(s)}\nid: {line(s)}\n: {line(s)}\n{s}\ndata: {s}\n", SSE
    ),
    "JSON cut": lambda s: in_body(json.dumps({"content": s, "id": s})[:-4]),
    "JSON over lines": lambda s: in_body('data: {\ndata: "content":\ndata: ' + json.dumps(s), SSE),
    "a lost quote": lambda s: in_body('{"content": "a"b", "name": ' + json.dumps(s) + "}"),
    "not UTF-8": lambda s: in_body(
        f"\udc80{s}".encode("utf-8", "surrogateescape").decode("latin-1")
    ),
}


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=25)
@given(secret=secrets, escape=st.sampled_from(sorted(ESCAPES)))
@example("4400e576-25b6-9818-4794-7caf56f9e147", "JSON")
def test_no_secret_is_in_a_recording(place: str, secret: str, escape: str) -> None:
    hidden = ESCAPES[escape](secret)
    interaction = PLACES[place](hidden)
    told = Anonymizer(KNOWN).transcript(Transcript({}, [interaction]))
    is_not_in(told, secret, hidden)
    sizes = [len(piece) for piece in interaction.pieces]
    assert [len(piece) for piece in told.interactions[0].pieces] == sizes


def is_not_in(told: Transcript, secret: str, hidden: str) -> None:
    for seen in readings(Transcript.read(str(told))):
        assert secret not in seen
        assert hidden not in seen
        for word in re.findall(r"[^\W_]{6,}", secret):
            assert word not in seen, word


# What is an id, a key or an address is replaced in kept texts too.
IDS = st.one_of(
    st.builds("{}@{}.example".format, words, words),
    st.builds("sk-9{}8{}".format, words, words),
    st.integers(10**8, 10**15).map("id{}".format),
    st.uuids().map(str),
).filter(
    lambda secret: is_nobodys(secret) and not re.search(r"(?<![^\W_])\d{1,5}(?![^\W_])", secret)
)
ELSEWHERE = sorted({"key", "header", "path", "query", "answer's header", "cookie", "other host"})


@pytest.mark.parametrize("place", ELSEWHERE)
@pytest.mark.parametrize("text", ["question", "text", "an error", "stream", "plain", "a web page"])
@settings(max_examples=10)
@given(secret=IDS)
def test_an_id_is_in_no_kept_text(place: str, text: str, secret: str) -> None:
    interactions = [PLACES[text](secret), PLACES[place](secret)]
    told = Anonymizer(KNOWN, keep_text=True).transcript(Transcript({}, interactions))
    is_not_in(told, secret, secret)


def test_kept_texts_are_kept() -> None:
    told = Anonymizer(KNOWN, keep_text=True).transcript(
        Transcript({}, [PLACES["stream"]("Write to ada@corp.example, of 12 Main Street.")])
    )
    text = readings(told)[1]
    assert text.startswith("Write to ")
    assert text.endswith(", of 12 Main Street.")
    assert "ada" not in text


def readings(told: Transcript) -> list[str]:
    """A transcript as it is written, and as one reads it who looks for secrets."""
    bodies = [b"".join(each.pieces) for each in told.interactions]
    values = (found for body in bodies for found in re.findall(_VALUE, body))
    joined = b"".join(values).decode("utf-8", "replace")
    plain = str(told).replace(BORDER, "") + "\n" + joined
    unescaped = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), plain)
    paired = unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    decoded = " ".join(
        raw.decode("utf-8", "replace")
        for run in re.findall(r"[A-Za-z0-9+/_-]{8,}", plain)
        for raw in _decodings(run)
    )
    return [plain, joined, paired, unquote(plain), unquote(unquote(plain)), decoded]


_VALUE = rb'"(?:content|[a-z]{5})": "((?:[^"\\]|\\.)*)"'


def _decodings(run: str) -> list[bytes]:
    padded = run + "=" * (-len(run) % 4)
    found = (
        [base64.b64decode(padded.replace("-", "+").replace("_", "/"))] if len(run) % 4 != 1 else []
    )
    return found + ([bytes.fromhex(run)] if re.fullmatch(r"(?:[0-9a-f]{2})+", run) else [])


def test_the_readings_find_what_is_there() -> None:
    for name, escape in ESCAPES.items():
        for place in ("text", "stream", "header"):
            seen = readings(Transcript({}, [PLACES[place](escape("Sécret-99"))]))
            assert any("Sécret-99" in text for text in seen), (name, place)


TIMES = {
    "seconds": lambda n: f"17{n:08d}",
    "thousandths": lambda n: f"17{n:011d}",
    "ISO": lambda n: f"2025-03-{1 + n % 28:02d}T08:15:{n % 60:02d}.{n:09d}Z",
    "ISO with a zone": lambda n: f"2025-03-01 08:15:07.{n:09d}+08:00",
    "days": lambda n: f"2025-0{1 + n % 9}-1{n % 10}",
}


@pytest.mark.parametrize("form", TIMES)
@given(numbers=st.sets(st.integers(0, 10**8 - 1), min_size=1, max_size=30))
def test_times_stay_in_their_order_and_are_others(form: str, numbers: set[int]) -> None:
    stand_ins = StandIns()
    times = {stand_ins.meet(TIMES[form](number)) for number in numbers}
    given = {time: stand_ins(time) for time in times}
    assert sorted(times, key=given.__getitem__) == sorted(times)
    assert len(set(given.values())) == len(times)
    assert times.isdisjoint(given.values())
    assert stand_ins(TIMES[form](10**8)) not in times
