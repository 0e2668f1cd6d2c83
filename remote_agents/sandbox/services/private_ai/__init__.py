"""The sandbox's agent of the Private AI Service."""

from remote_agents.sandbox.agent import Agent, one_of, switch

AGENT = Agent(
    "6b1f0c52-8d7e-4a43-9f35-2c64a1d0e7b8",
    "sandbox-private-ai-key",
    "PRIVATE_AI",
    paths="/api/v1/(compatibility/openai/v1|control)/",
    settings={
        "refuse_system": switch(),
        "private_ai_route": one_of(None, "assistants", "agents"),  # the only one of its turns
    },
    extra={
        "knowledge_base_id": "4f1d7a90-2c6e-4b35-9a18-d0e5c7b3f264",
        "index_id": "b82e05c3-71f9-4da6-8e40-1c93fa6d2b57",
    },
)
