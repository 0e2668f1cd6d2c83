"""An atheris target for the decoder of server-sent events: `make fuzz` runs it for a minute.

Any bytes, cut anywhere and with any line end, give the same frames as one byte at a time, within
the bound and without another exception than `StreamProtocolError`.
"""

import sys

import atheris

with atheris.instrument_imports(include=["remote_agents"]):
    from remote_agents.errors import StreamProtocolError
    from remote_agents.wire.sse import Frame, SSEDecoder

LIMIT = 256


def decoded(chunks: list[bytes], limit: int) -> list[Frame]:
    decoder = SSEDecoder(limit)
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return [*frames, *decoder.flush()]


def cut(provider: atheris.FuzzedDataProvider) -> list[bytes]:
    chunks = []
    while provider.remaining_bytes():
        chunks.append(provider.ConsumeBytes(provider.ConsumeIntInRange(0, 40)))
    return chunks


def target(data: bytes) -> None:
    chunks = cut(atheris.FuzzedDataProvider(data))
    stream = b"".join(chunks)
    letters = [stream[at : at + 1] for at in range(len(stream))]
    assert repr(decoded(chunks, 1 << 20)) == repr(decoded(letters, 1 << 20))  # NaN is not NaN
    try:
        frames = decoded(chunks, LIMIT)
    except StreamProtocolError:
        return
    longest = max(map(len, chunks), default=0)
    assert all(len(value) <= LIMIT + longest for _, value in frames if isinstance(value, bytes))


if __name__ == "__main__":
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
