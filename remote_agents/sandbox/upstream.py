"""A real model behind the protocols: any OpenAI-compatible server."""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from ipaddress import ip_address

import httpx

from remote_agents.sandbox.completions import (
    DONE,
    Piece,
    UpstreamError,
    first_model,
    read_json,
    read_line,
    read_whole,
    words_of,
)
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.serving.wire import Refusal

NO_LIST = (404, 405, 501)  # how a server says that it lists no models
LATER = (429, 503)  # what a client may wait for
LONGEST = 16 << 20  # bytes of a line, and LONGEST_ERROR of a refusal
LONGEST_ERROR = 64 << 10
FAILURES = (UpstreamError, httpx.HTTPError, httpx.InvalidURL, httpx.StreamError)


class Upstream:
    """Passes a conversation to ``{url}/chat/completions`` and streams the text back.

    A key is read from OPENAI_API_KEY; a name and password in the address go before it.

    Args:
        url: the server's address up to its ``/v1``.
        model: the model to ask for; by default the first that the server lists.

    Raises:
        ValueError: The address, the key or what the environment says of TLS and proxies is of no
            use; the sentence holds no secret.
    """

    def __init__(self, url: str, model: str | None = None) -> None:
        address = _address(url)
        self.url = str(address.copy_with(userinfo=b"")).rstrip("/")
        self.model = model
        self._listed: str | None = None
        self._login = (address.username, address.password) if address.userinfo else None
        self._key = _key()
        # To this machine itself no proxy leads.
        self._proxied = not _is_loopback(address.host)
        self._tls = _certificates(self._proxied or address.scheme == "https")
        self._client()  # whose proxies are read here

    async def stream(self, ask: Ask) -> AsyncIterator[Piece]:
        """The pieces of the answer; `Refusal` says what is wrong with the server."""
        with self._refusing():
            async with self._client() as client:
                address, body = f"{self.url}/chat/completions", await self._body(client, ask)
                async with (
                    client.stream("POST", address, json=body) as reply,
                    aclosing(_pieces(reply)) as pieces,
                ):
                    async for piece in pieces:
                        yield piece

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self._listed = None  # it may have another model when it is back
            status, headers = 502, dict[str, str]()
            if isinstance(error, UpstreamError):
                status, headers = error.status, error.headers
            message = f"The upstream {self.url} failed: {self._without_secrets(_reason(error))}"
            raise Refusal(status, message, headers=headers) from error

    def _client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            return httpx.AsyncClient(
                auth=self._login,
                headers=headers,
                timeout=120,
                verify=self._tls,
                trust_env=self._proxied,
            )
        except (ValueError, ImportError, httpx.InvalidURL):  # whose words may hold a password
            raise ValueError("the proxy that the environment names for it is of no use") from None

    async def _body(self, client: httpx.AsyncClient, ask: Ask) -> JsonObject:
        messages = [{"role": role, "content": text} for role, text in ask.dialogue]
        model = self.model or await self._model(client)
        body: JsonObject = {"model": model, "messages": messages, "stream": True}
        if ask.limit is not None:
            body["max_tokens"] = ask.limit
        if ask.stop:
            body["stop"] = list(ask.stop)
        return body

    async def _model(self, client: httpx.AsyncClient) -> str:
        """The first that is listed, remembered; a name that may do where there is no list."""
        if self._listed is None:
            reply = await client.get(f"{self.url}/models")
            if reply.status_code in NO_LIST:
                return "default"
            await _require_success(reply)
            self._listed = first_model(_json_of(reply.content))
        return self._listed

    def _without_secrets(self, text: str) -> str:
        """What an upstream says; some repeat the key."""
        name, password = self._login or ("", "")
        token = base64.b64encode(f"{name}:{password}".encode()).decode()
        for secret in (self._key, token, password):
            text = text.replace(secret, "***") if len(secret) > 3 else text
        return " ".join(text.split())[:500]


# --- what it was given --------------------------------------------------------------------------


def _address(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL:  # whose words may hold a password
        raise ValueError("its address is none") from None


def _key() -> str:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not re.fullmatch(r"[!-~]*", key):
        raise ValueError("OPENAI_API_KEY holds a character that no key has")
    return key


def _is_loopback(host: str) -> bool:
    try:
        return host.rstrip(".").lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _certificates(from_environment: bool) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(trust_env=from_environment)
    except OSError as error:
        told = f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read ({error})"
        raise ValueError(told) from error


# --- what it answers ----------------------------------------------------------------------------


async def _require_success(reply: httpx.Response) -> None:
    if reply.is_success:
        return
    content = b""
    async for chunk in reply.aiter_bytes():
        content += chunk
        if len(content) > LONGEST_ERROR:
            break
    plain = content.decode(errors="replace") if _kind(reply) == "text/plain" else ""
    words = words_of(_json_of(content)) or plain
    after, status = reply.headers.get("retry-after", ""), reply.status_code
    headers = {"retry-after": after} if status in LATER and re.fullmatch("[ -~]+", after) else {}
    told = f"it answered {status}" + (f": {words}" if words else "")
    raise UpstreamError(told, status if status in LATER else 502, headers)


async def _pieces(reply: httpx.Response) -> AsyncGenerator[Piece, None]:
    await _require_success(reply)
    if _kind(reply).endswith("json"):  # of a server that does not stream
        yield read_whole(read_json(await reply.aread()))
        return
    ended, told = False, f"it answered with {_kind(reply) or 'something'} that is no stream"
    async for line in _lines(reply):
        if (piece := read_line(line)) is None:
            continue
        ended, told = ended or piece.ended, "its stream ended before the answer did"
        yield piece
        if piece == DONE:
            return
    if not ended:
        raise UpstreamError(told)


async def _lines(reply: httpx.Response) -> AsyncIterator[bytes]:
    # httpx's own lines end also at characters that JSON may hold, such as U+2028.
    rest = b""
    async for chunk in reply.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
        if len(rest) > LONGEST:
            raise UpstreamError("it sent a line without an end")
    yield rest


def _kind(reply: httpx.Response) -> str:
    media_type: str = reply.headers.get("content-type", "")
    return media_type.partition(";")[0].strip().lower()


def _json_of(content: bytes) -> object:
    """JSON, or None where it is none."""
    try:
        return read_json(content)
    except UpstreamError:
        return None


def _reason(error: Exception) -> str:
    """What went wrong in words; a request that cannot be sent would tell its headers."""
    told = "" if isinstance(error, httpx.LocalProtocolError) else str(error).partition("\n")[0]
    return told or type(error).__name__
