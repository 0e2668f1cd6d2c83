"""The sandbox's AG-UI agents, each at an address of its own."""

from remote_agents.sandbox.agent import Agent, switch

AGENT = Agent(
    "handbook",
    "sandbox-ag-ui-key",
    "AG_UI",
    paths="/ag-ui/",
    chat="",
    home="/ag-ui/handbook",
    settings={"ag_ui_slash": switch()},  # its addresses end with a slash
    extra={"approval_agent_id": "approval"},
)
