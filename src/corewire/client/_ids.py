"""Names that a client gives to its objects; drivers pass them back."""

from __future__ import annotations

from typing import NewType

SessionId = NewType("SessionId", int)
ProducerId = NewType("ProducerId", int)
ConsumerId = NewType("ConsumerId", int)
