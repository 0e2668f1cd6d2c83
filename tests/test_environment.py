"""The tests' own ground: real services, and no network beyond loopback."""

import asyncio
import os
import socket

import httpx
import pytest
import sqlalchemy
from pytest_socket import SocketConnectBlockedError
from redis import Redis

# Reserved for documentation: nothing answers there, so a guard that fails only costs a timeout.
OUTSIDE = "192.0.2.1"


def test_a_database_of_our_own(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("select 6 * 7")).scalar() == 42
    engine.dispose()


def test_a_redis_of_our_own(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set("answer", 42)
        assert redis.get("answer") == b"42"


def test_no_settings_of_the_user_reach_a_test() -> None:
    assert not [
        name for name in os.environ if name.endswith(("_API_KEY", "_AGENT_ID", "_PROXY", "_proxy"))
    ]


def test_sockets_stay_on_loopback() -> None:
    with pytest.raises(SocketConnectBlockedError), socket.socket() as connection:
        connection.connect((OUTSIDE, 80))


def test_clients_stay_on_loopback() -> None:
    with pytest.raises(SocketConnectBlockedError):
        httpx.get(f"http://{OUTSIDE}/", timeout=1)


async def test_tasks_stay_on_loopback() -> None:
    with pytest.raises(SocketConnectBlockedError):
        await asyncio.wait_for(asyncio.open_connection(OUTSIDE, 80), 1)


async def test_loopback_is_open() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
