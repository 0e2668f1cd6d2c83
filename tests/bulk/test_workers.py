"""What travels to a worker: a client with its limit and its sessions."""

import copy
import pickle

from remote_agents import BlueNexus, SQLSessionStore


def test_a_client_with_a_shared_limit_travels(redis_url: str, postgres_url: str) -> None:
    client = BlueNexus(
        api_key="k",
        rate_limit="3/second",
        rate_limit_storage=redis_url,
        session_store=SQLSessionStore(postgres_url),
    )
    for again in (pickle.loads(pickle.dumps(client)), copy.deepcopy(client)):
        assert again.agent.limiter._window is client.agent.limiter._window
        assert again.agent.limiter._account == client.agent.limiter._account
