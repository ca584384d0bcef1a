"""What a node says of itself, and how far its conversation with the other node is."""

from enum import Enum, StrEnum

__all__ = ["NodeState", "Phase"]


class NodeState(StrEnum):
    """What a node is doing; a string, spelled as in the protocol."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    SENDING = "sending"
    SYNCHRONIZED = "synchronized"


class Phase(Enum):
    """How far the conversation is; `conversation` has the table."""

    CLOSED = 0
    READY = 1
    ASKED = 2
    CHECKING = 3
    OPEN = 4
