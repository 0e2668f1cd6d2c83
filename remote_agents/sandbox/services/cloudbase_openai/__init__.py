"""The same CloudBase agent by its OpenAI protocol.

A client reads one set of variables for the two.
"""

from remote_agents.sandbox.agent import Agent

AGENT = Agent(
    "bot-handbook",
    "sandbox-cloudbase-key",
    "CLOUDBASE",
    paths="/v1/aibot/(bots/[^/]+/chat|(bots/[^/]+/)?openai)/",
)
