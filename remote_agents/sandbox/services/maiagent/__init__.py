"""The sandbox's MaiAgent chatbot."""

import time

from remote_agents.sandbox.agent import Agent, one_of, whole_number
from remote_agents.sandbox.serving.state import Store

AGENT = Agent(
    "0d5be1a7-63f4-4c0e-b1c9-7a2e8f4d9c10",
    "sandbox-maiagent-key",
    "MAIAGENT",
    paths="/(api|_storage)/",
    chat="/completions/",
    scheme="Api-Key",
    settings={
        "maiagent_root": one_of(None, "/api", "/api/v1"),  # the only root of its paths
        "export_padding": whole_number(0),  # bytes that an Excel export has beside its records
    },
    extra={
        "knowledge_base_id": "e3b7f150-9d24-46c8-a2f6-58c1d09e7b3a",
        "contact_id": "c9a4d7e2-15b8-4f6a-8e03-91d2b7c6f5a4",
        "web_chat_id": "a17c3e90-4b2d-4d58-9c6f-e0f81b2a3d47",
    },
)


def prepare(store: Store) -> None:
    """Add the contact that the manifest names."""
    now = time.time()
    sql = "INSERT OR IGNORE INTO contacts VALUES (?, ?, ?, ?, ?)"
    store.db.execute(sql, (AGENT.extra["contact_id"], "Robin Harbor", now, now, "{}"))
