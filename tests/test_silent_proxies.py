"""Proxies that fall silent: `connect` holds until there is a connection, whatever it is made of."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from remote_agents import AgentTimeoutError, Timeout
from remote_agents.http import pools
from tests.certificates import authority
from tests.proxies import proxying
from tests.raw_server import serving
from tests.transports import ANSWER, KEY, asking, each_kind

pytestmark = pytest.mark.usefixtures("fresh_pools")

TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
METHOD, GRANTED = b"\x05\x00", b"\x05\x00\x00\x01" + bytes(6)
# What a proxy answers, each to what it has read, before it falls silent.
SILENT: dict[str, tuple[str, list[bytes]]] = {
    "HTTP, at the first byte": ("http", []),
    "HTTP, after half its head": ("http", [TUNNEL[:20]]),
    "HTTP, in the TLS behind it": ("http", [TUNNEL]),
    "SOCKS, at the first byte": ("socks5", []),
    "SOCKS, after half its words": ("socks5", [METHOD]),
    "SOCKS, in the TLS behind it": ("socks5", [METHOD, GRANTED]),
}
silent = pytest.mark.parametrize("where", SILENT)


@contextmanager
def falling_silent(
    scheme: str, answers: list[bytes], *, each: float = 0.0, asked: bool = True
) -> Iterator[str]:
    """The address of a proxy that says these, each so many seconds late, and no more.

    It reads before it says one, if it is to be `asked`.
    """
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def talk() -> None:
        with suppress(OSError), listening.accept()[0] as sock:
            for answer in answers:
                if asked:
                    sock.recv(4096)
                over.wait(each)
                sock.sendall(answer)
            over.wait(30)

    talking = threading.Thread(target=talk)
    talking.start()
    try:
        yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        talking.join()


async def fails_through(proxy: str, kind: str, limits: Timeout) -> tuple[AgentTimeoutError, float]:
    """The error of an agent behind this proxy, and how many seconds it took."""
    pools.tls(True)  # to read the certificates of the whole world takes time of its own
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HTTPS_PROXY", proxy)
        async with asking(kind, "https://agents.example", timeout=limits) as asker:
            begun = time.monotonic()
            error = await asker.fails()
    assert isinstance(error, AgentTimeoutError), error
    assert (error.phase, error.safe_to_repeat) == ("connect", True)
    return error, time.monotonic() - begun


@each_kind
@silent
async def test_a_silent_proxy_is_held_to_connect(kind: str, where: str) -> None:
    with falling_silent(*SILENT[where]) as proxy:
        error, seconds = await fails_through(proxy, kind, Timeout(connect=0.4, first_event=5))
    assert 0.35 < seconds < 4
    assert "within 0.4 s" in str(error)
    assert "Timeout(connect=" in str(error)


@each_kind
@pytest.mark.parametrize("where", [name for name in SILENT if "TLS" in name])
async def test_all_steps_of_a_handshake_have_one_limit(kind: str, where: str) -> None:
    scheme, answers = SILENT[where]
    with falling_silent(scheme, answers, each=0.8 / len(answers)) as proxy:
        _, seconds = await fails_through(proxy, kind, Timeout(connect=1, first_event=5))
    assert 0.95 < seconds < 1.75


@each_kind
async def test_the_drips_of_a_head_put_off_nothing(kind: str) -> None:
    head = [TUNNEL[:-2], *[b"X: y\r\n"] * 50]
    with falling_silent("http", head, each=0.1, asked=False) as proxy:
        _, seconds = await fails_through(proxy, kind, Timeout(connect=0.5, first_event=5))
    assert 0.45 < seconds < 4


@each_kind
@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("total", Timeout(connect=3, first_event=5, total=0.5)),
        ("total", Timeout(connect=None, total=0.5)),
        ("first_event", Timeout(connect=3, first_event=0.5)),
        ("first_event", Timeout(connect=None, first_event=0.5)),
    ],
)
@silent
async def test_the_limit_that_ran_out_is_named(
    kind: str, where: str, name: str, limits: Timeout
) -> None:
    with falling_silent(*SILENT[where]) as proxy:
        error, seconds = await fails_through(proxy, kind, limits)
    assert 0.4 < seconds < 2.8
    assert "within 3 s" not in str(error)
    assert f"Timeout({name}=" in str(error)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("service", ["http", "https"])
async def test_an_answer_may_take_longer_than_the_connection(
    kind: str, scheme: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = authority()
    target, proxied = (trusted.server if each == "https" else None for each in (service, scheme))
    slow = [1.0, *ANSWER]
    with (
        serving(slow, slow, context=target) as server,
        proxying(scheme, server.url, context=proxied) as proxy,
    ):
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        settings = {"allow_http": True, "verify": trusted.path}
        limits = Timeout(connect=0.7, first_event=5)
        address = f"{service}://agents.example"
        async with asking(kind, address, timeout=limits, **settings) as asker:
            assert await asker.ask() == "Hello"
            assert await asker.ask() == "Hello"


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_so_it_may_with_a_client_of_ones_own(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [0.6, *ANSWER]
    with serving(slow, slow) as server, proxying(scheme, server.url) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        limits = Timeout(connect=0.3, first_event=5)
        address = "http://agents.example"
        async with asking("httpx", address, allow_http=True, timeout=limits) as asker:
            assert await asker.ask() == "Hello"
            assert await asker.ask() == "Hello"
    assert KEY.encode() in proxy.heard
