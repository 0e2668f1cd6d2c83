"""The sandbox's AG-UI agents, each at an address of its own."""

from remote_agents.sandbox.agent import Agent

AGENT = Agent(
    "handbook",
    "sandbox-ag-ui-key",
    "AG_UI",
    paths="/ag-ui/",
    chat="",
    home="/ag-ui/handbook",
    extra={"approval_agent_id": "approval"},
)
