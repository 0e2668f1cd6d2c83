"""The sandbox's BlueNexus agent."""

from remote_agents.sandbox.agent import Agent, whole_number

AGENT = Agent(
    "agent-3f9c21",
    "sandbox-bluenexus-key",
    "BLUENEXUS",
    paths="/api/v1/(agents|models|credit-transactions)",
    settings={"credits": whole_number(20_000)},
)
