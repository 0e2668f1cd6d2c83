"""What is asked, and what is answered: messages and a turn, events and a reply."""

from remote_agents.types.answers import (
    Alternative as Alternative,
    Event as Event,
    Finish as Finish,
    Info as Info,
    ReasoningDelta as ReasoningDelta,
    Reply as Reply,
    TextDelta as TextDelta,
    ToolCall as ToolCall,
    ToolCallDelta as ToolCallDelta,
    ToolResult as ToolResult,
    Unknown as Unknown,
    Update as Update,
    Usage as Usage,
)
from remote_agents.types.citations import (
    Citation as Citation,
    Citations as Citations,
)
from remote_agents.types.files import File as File
from remote_agents.types.messages import (
    Attachment as Attachment,
    AttachmentKind as AttachmentKind,
    ClientToolCall as ClientToolCall,
    Fold as Fold,
    Interrupt as Interrupt,
    Message as Message,
    Origin as Origin,
    Role as Role,
    Turn as Turn,
    Waits as Waits,
    interrupts_in as interrupts_in,
    json_text as json_text,
    kind_named as kind_named,
)
