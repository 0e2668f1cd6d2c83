"""One of several processes that share a store; prints a JSON line for every turn.

Arguments: sandbox, key, database, lease, seed, sessions, turns.
"""

import asyncio
import json
import random
import sys
import time

from remote_agents import BlueNexus, SQLSessionStore
from remote_agents.agent import acollect


def main(
    url: str, key: str, database: str, lease: str, seed: str, sessions: str, turns: str
) -> None:
    store = SQLSessionStore(database, table="shared", lease=float(lease))
    agent = BlueNexus(base_url=url, api_key=key, session_store=store, session_wait=60)
    order = list(range(int(sessions)))
    random.Random(seed).shuffle(order)
    asyncio.run(talk(agent, order, int(turns)))
    store.close()


async def talk(agent: BlueNexus, order: list[int], turns: int) -> None:
    room = asyncio.Semaphore(16)
    await agent.aask("hi", session_id=f"warm-up of {order}")  # imports, connects

    async def one(number: int) -> None:
        async with room:
            await ask(agent, number, f"My secret word is word-{number}.")
            for _ in range(turns - 1):
                await ask(agent, number, "What is my secret word?")

    await asyncio.gather(*map(one, order))


async def ask(agent: BlueNexus, number: int, text: str) -> None:
    start = time.monotonic()
    events = agent.astream(text, session_id=f"s{number}")
    reply = (await acollect(events)).reply
    line = {
        "session": number,
        "conversation": reply.conversation_id,
        "text": reply.text,
        "turn": (reply.conversation or {}).get("turn"),
        "began": start,
        "seconds": time.monotonic() - start,
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
