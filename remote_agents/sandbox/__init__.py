"""A local server that speaks the wire protocols of all services.

It answers from a folder of documents, keeps conversations, checks keys, and fails on demand.

Example:
    >>> from remote_agents.sandbox import Sandbox
    >>> with Sandbox() as box:  # doctest: +SKIP
    ...     agent = BlueNexus(**box.kwargs("bluenexus"))
"""

from remote_agents.extras import SANDBOX, require

require("Sandbox", "sandbox", *SANDBOX)

from remote_agents.sandbox.box import Sandbox  # noqa: E402 - `require` comes first

__all__ = ["Sandbox"]
