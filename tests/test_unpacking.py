import gzip
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from remote_agents import StreamInterruptedError, StreamProtocolError
from remote_agents.http.unpacking import LARGEST_PIECE, unpacker_of

PACKERS = {"gzip": gzip.compress, "deflate": zlib.compress}


def headless(content: bytes) -> bytes:
    """Deflate as many servers send it, without the head and the checksum of zlib."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def unpacked(encoding: str, *chunks: bytes) -> bytes:
    unpack = unpacker_of(encoding)
    assert unpack is not None
    content = b"".join(piece for chunk in chunks for piece in unpack.take(chunk))
    unpack.end()
    return content


@pytest.mark.parametrize(
    "encoding", ["", "identity", "none", " UTF-8 ", "utf8", "none, identity", "Binary", "8bit"]
)
def test_what_is_not_packed_is_read_as_it_is(encoding: str) -> None:
    assert unpacker_of(encoding) is None


@pytest.mark.fuzz
@given(
    st.sampled_from(sorted(PACKERS)),
    st.lists(st.binary(max_size=40), min_size=1, max_size=5),
    st.lists(st.integers(0, 400), max_size=6),
    st.binary(max_size=3).map(lambda value: bytes(len(value))),
)
def test_members_are_read_whatever_the_borders(
    encoding: str, members: list[bytes], places: list[int], padding: bytes
) -> None:
    packed = padding.join(map(PACKERS[encoding], members)) + padding
    borders = [0, *sorted(min(place, len(packed)) for place in places), len(packed)]
    chunks = [packed[a:b] for a, b in pairwise(borders)]
    assert unpacked(encoding, *chunks) == b"".join(members)


@pytest.mark.parametrize("size", [LARGEST_PIECE - 1, LARGEST_PIECE, 3 * LARGEST_PIECE + 7])
def test_a_body_larger_than_one_piece_is_read_to_its_end(size: int) -> None:
    assert len(unpacked("x-gzip", gzip.compress(b"a" * size))) == size


@pytest.mark.parametrize("pack", [headless, zlib.compress, gzip.compress])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_deflate_is_read_with_any_head_or_none(pack: Callable[[bytes], bytes], size: int) -> None:
    content = b'data: {"content": "Hello"}\n\n' * 9
    packed = pack(content) + pack(content)
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert unpacked("deflate", b"", *chunks) == content * 2
    with pytest.raises(StreamInterruptedError):
        unpacked("deflate", pack(content)[:-1])


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "zstd, gzip"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(StreamProtocolError, match="not asked for"):
        unpacked(encoding, b"a")


def test_a_member_that_is_cut_or_none_is_an_error() -> None:
    packed = gzip.compress(b"a" * 99)
    with pytest.raises(StreamInterruptedError):
        unpacked("gzip", packed, packed[:-1])
    with pytest.raises(StreamProtocolError, match="unpacked"):
        unpacked("gzip", packed, b"and more")
