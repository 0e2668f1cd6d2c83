"""What an LLM is asked: each block and role of LlamaIndex arrives, or is refused by name."""

import base64
import io
import json
from typing import Any, get_args

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from remote_agents import (
    UnsupportedContentError,
)
from remote_agents.sandbox import Sandbox
from tests.llamaindex.conftest import (
    QUESTION,
    SERVICES,
    WAYS,
    Build,
    last,
)

ASK = [ChatMessage(QUESTION)]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
DATA_URL = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
PDF = b"%PDF-1.4 plan"
LINK = "https://files.example.com/plan"


def cited(block: Any) -> CitationBlock:
    return CitationBlock(
        cited_content=block, title="Rules", source="r", additional_location_info={}
    )


# Each block in a user's message: its words, or its kind of file and the name of the upload.
BLOCKS: dict[str, tuple[Any, str, str]] = {
    "text": (TextBlock(text="Be kind."), "words", "Be kind."),
    "image": (ImageBlock(image=PNG), "image", "image.png"),
    "image, stream": (ImageBlock(image=io.BytesIO(PNG)), "image", "image.png"),
    "image, data": (ImageBlock(url=DATA_URL), "image", "image.png"),
    "image, link": (ImageBlock(url=LINK), "image", LINK),
    "audio": (AudioBlock(audio=b"sound", format="mp3"), "audio", "audio.mp3"),
    "audio, link": (AudioBlock(url=LINK), "audio", LINK),
    "video": (VideoBlock(video=b"film", video_mimetype="video/mp4"), "video", "video.mp4"),
    "video, link": (VideoBlock(url=LINK), "video", LINK),
    "document": (DocumentBlock(data=PDF), "file", "file.pdf"),
    "document, title": (DocumentBlock(data=PDF, title="plan.pdf"), "file", "plan.pdf"),
    "document, link": (DocumentBlock(url=LINK), "file", LINK),
    "cache point": (CachePoint(cache_control=CacheControl(type="ephemeral")), "words", QUESTION),
    "citable": (
        CitableBlock(title="Rules", source="r", content="Be kind."),
        "words",
        f"{QUESTION}\\nRules\\nBe kind.",
    ),
    "citable document": (
        CitableBlock(title="Rules", source="r", content=[DocumentBlock(data=PDF)]),
        "file",
        "file.pdf",
    ),
    "citation": (cited(TextBlock(text="Be kind.")), "words", f"{QUESTION}\\nRules\\nBe kind."),
    "cited image": (cited(ImageBlock(image=PNG)), "image", "image.png"),
    "thinking": (ThinkingBlock(content="Hm."), "words", f"{QUESTION}\\nHm."),
    "tool call": (ToolCallBlock(tool_name="clock", tool_kwargs={"zone": 1}), "words", "clock("),
}


def test_no_block_is_forgotten() -> None:
    kinds = {type(block) for block, _, _ in BLOCKS.values()}
    assert kinds == set(get_args(get_args(ContentBlock)[0]))


@pytest.mark.parametrize("way", ["chat", "astream_chat"])
@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("service", SERVICES)
async def test_a_block_arrives_or_is_refused_by_name(
    sandbox: Sandbox, build: Build, service: str, name: str, way: str
) -> None:
    block, kind, found = BLOCKS[name]
    llm = build(service)
    message = ChatMessage([TextBlock(text=QUESTION), block])
    linked = found == LINK
    facts = llm.endpoint
    taken = kind in facts.attachments and (facts.takes_links if linked else facts.uploads)
    if kind == "words" or taken:
        await last(llm, way, [message])
        assert found in json.dumps(sandbox.requests(service)[-1]["body"])
        return
    with pytest.raises(UnsupportedContentError, match=rf"(?i){kind}|DocumentBlock") as refused:
        await last(llm, way, [message])
    assert llm.endpoint.title.removeprefix("Tencent ") in str(refused.value)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "block",
    [
        ImageBlock(),
        ImageBlock(image=io.BytesIO(b"")),
        ImageBlock(url="data:image/png;base64,@@@"),
        DocumentBlock(),
    ],
    ids=["nothing", "empty stream", "broken data", "no document"],
)
@pytest.mark.parametrize("service", SERVICES)
async def test_a_block_without_content_is_refused_by_name(
    sandbox: Sandbox, build: Build, service: str, block: Any, way: str
) -> None:
    llm = build(service)
    with pytest.raises(UnsupportedContentError, match=type(block).__name__) as refused:
        await last(llm, way, [ChatMessage([TextBlock(text=QUESTION), block])])
    assert llm.endpoint.title in str(refused.value)
    assert not sandbox.requests(service)


@pytest.mark.parametrize("role", MessageRole)
@pytest.mark.parametrize("service", SERVICES)
async def test_no_role_is_forgotten(
    sandbox: Sandbox, build: Build, service: str, role: MessageRole
) -> None:
    for way in ("chat", "astream_chat"):
        await last(build(service), way, [ChatMessage(role=role, content="Be kind."), *ASK])
        assert "Be kind." in json.dumps(sandbox.requests(service)[-1]["body"])


def test_an_agents_own_thoughts_and_citations_are_not_said_to_it_again(
    sandbox: Sandbox, build: Build
) -> None:
    said = [ThinkingBlock(content="hm"), TextBlock(text="Hello"), cited(TextBlock(text="quoted"))]
    build("bluenexus").chat([ChatMessage(role="assistant", blocks=said), *ASK])
    assert [m["content"] for m in sandbox.requests("bluenexus")[-1]["body"]["messages"]] == [
        "Hello",
        QUESTION,
    ]
