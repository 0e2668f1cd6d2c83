import json
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from remote_agents.http.charsets import Recoder, recoder_of
from tests.raw_server import head, serving
from tests.transports import DONE, asking, each_kind

TEXTS = {"gb18030": "年假有25天。", "gbk": "联通", "shift_jis": "有給休暇", "ISO-8859-1": "für Sie"}


def recoded(recoder: Recoder, *chunks: bytes) -> bytes:
    content = b"".join(piece for chunk in chunks for piece in recoder.take(chunk))
    recoder.end()
    return content


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "text/event-stream; charset=utf-8",
        'application/json; charset="UTF8"',
        "application/json; charset=zip",
        "application/json; charset=rot13",
        "application/vnd.ms-excel; charset=gbk",
        "text/plain; charset=",
    ],
)
def test_what_is_utf8_or_no_text_is_read_as_it_is(kind: str) -> None:
    assert recoder_of(kind) is None


@pytest.mark.fuzz
@given(st.sampled_from(sorted(TEXTS)), st.booleans(), st.lists(st.integers(0, 60), max_size=6))
def test_letters_are_read_whatever_the_borders(
    charset: str, is_utf8: bool, places: list[int]
) -> None:
    text = f"Said: {TEXTS[charset]} And {TEXTS[charset]}"
    content = text.encode("utf-8" if is_utf8 else charset)
    borders = [0, *sorted(min(place, len(content)) for place in places), len(content)]
    recoder = recoder_of(f"text/plain; Charset={charset}")
    assert recoder is not None
    assert recoded(recoder, *(content[a:b] for a, b in pairwise(borders))).decode() == text


@each_kind
@pytest.mark.parametrize("is_utf8", [False, True])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("charset", TEXTS)
async def test_an_answer_in_its_charset(
    kind: str, charset: str, whole: bool, is_utf8: bool
) -> None:
    piece = {"content": TEXTS[charset]}
    choice = {"message": piece, "finish_reason": "stop"} if whole else {"delta": piece}
    said = json.dumps({"choices": [choice]}, ensure_ascii=False)
    body = (said if whole else f"data: {said}\n\n").encode("utf-8" if is_utf8 else charset)
    name = "application/json" if whole else "text/event-stream"
    steps = [head(f"{name}; charset={charset}"), body[:40], 0.02, body[40:]]
    with serving([*steps] if whole else [*steps, DONE]) as server:
        async with asking(kind, server) as asker:
            assert await asker.ask() == TEXTS[charset]
