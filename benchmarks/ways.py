"""Tasks about the way to the service: TLS, and a proxy of the environment."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.memory import now_mb, reset_peak
from benchmarks.tasks import Result, Stopwatch, adrain, run

PROXIED = "http://agents.example"


def encrypted(name: str, url: str, *, secure: str, ca: str, samples: int) -> Result:
    """Milliseconds of a first turn, which opens a TLS connection, and of one that reuses it."""
    first, reused = [], []
    for _ in range(samples + 2):
        model, close = over_tls(name, f"{secure}/json/0", ca)
        first.append(timed(model))
        reused.append(min(timed(model) for _ in range(5)))
        close()
    return {"first": statistics.median(first[2:]), "reused": statistics.median(reused[2:])}


def timed(model: Any) -> float:
    """Milliseconds of one turn."""
    start = time.perf_counter()
    model.invoke("hi")
    return (time.perf_counter() - start) * 1000


def over_tls(name: str, url: str, ca: str) -> Any:
    """A model that has no connection yet, and what closes its connections."""
    if name != "ChatOpenAI":
        model = CONTENDERS[name].build(url, verify=ca)
        return model, model.client.close
    import httpx
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    client = httpx.Client(verify=tls_context(ca))
    key = SecretStr("k")
    model = ChatOpenAI(model="bench", api_key=key, base_url=f"{url}/v1", http_client=client)
    return model, client.close


def tls_context(ca: str) -> Any:
    """One context for all of the peer's clients, as ours share one."""
    import ssl

    return CONTEXTS.setdefault(ca, ssl.create_default_context(cafile=ca))


CONTEXTS: dict[str, Any] = {}


def connections(name: str, url: str, *, secure: str, ca: str, count: int) -> Result:
    """Memory of one of so many connections under TLS, which all read a stream at once."""
    contender = CONTENDERS[name]
    model = contender.build(f"{secure}/slow/200", verify=ca)
    run(adrain(contender, contender.build(f"{secure}/burst/50", verify=ca), contender.prompt(1)))
    before = reset_peak()
    held = run(held_by(contender, model, count))
    return {"kb_each": (held - before) * 1024 / count}


async def held_by(contender: Contender, model: Any, count: int) -> float:
    """Megabytes of the process while so many streams are read, opened one after the other."""
    assert contender.astream
    streams = []
    for _ in range(count):
        streams.append(contender.astream(model, contender.prompt(1)))
        await anext(streams[-1])
    gc.collect()
    held = now_mb()
    for stream in streams:
        await stream.aclose()
    return held


def proxied(name: str, url: str, *, turns: int) -> Result:
    """CPU of a turn that goes through the proxy that the environment names."""
    options = {} if name == "ChatOpenAI" else {"allow_http": True}
    with proxy(url):
        model = CONTENDERS[name].build(f"{PROXIED}/json/0", **options)
        for _ in range(10):
            model.invoke("hi")
        watch = Stopwatch()
        for _ in range(turns):
            model.invoke("hi")
        return watch.per(turns)


@contextmanager
def proxy(url: str) -> Iterator[None]:
    """The server, which takes whole addresses too, as the proxy of this process."""
    os.environ["HTTP_PROXY"] = url
    try:
        yield
    finally:
        del os.environ["HTTP_PROXY"]
