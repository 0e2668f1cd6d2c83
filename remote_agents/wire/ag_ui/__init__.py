"""AG-UI, the dialect of newer CloudBase agents and of many others: requests and answers. Pure."""

from remote_agents.wire.ag_ui.answer import (
    KNOWN as KNOWN,
    TEXTLESS as TEXTLESS,
    decode_ag_ui as decode_ag_ui,
    is_ag_ui as is_ag_ui,
)
from remote_agents.wire.ag_ui.request import (
    run_input as run_input,
    sent_in as sent_in,
    tells_history as tells_history,
)
from remote_agents.wire.ag_ui.run import NOTHING as NOTHING, Sent as Sent
