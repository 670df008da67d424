"""Selectors: JMS names of headers become those that brokers know; nothing else is touched."""

from __future__ import annotations

import pytest

from corewire.client._selectors import core_selector


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("JMSPriority > 4 AND JMSTimestamp <> 0", "AMQPriority > 4 AND AMQTimestamp <> 0"),
        ("JMSDeliveryMode = 'PERSISTENT'", "AMQDurable = 'DURABLE'"),
        ("JMSDeliveryMode='NON_PERSISTENT'", "AMQDurable='NON_DURABLE'"),
        ("JMSMessageID = 'ID:1' OR JMSExpiration = 0", "AMQUserID = 'ID:1' OR AMQExpiration = 0"),
        ("JMSXGroupID IS NULL", "AMQGroupID IS NULL"),
        ('"JMSPriority" = 1', '"AMQPriority" = 1'),
        ("color = 'PERSISTENT'", "color = 'DURABLE'"),
    ],
)
def test_jms_names_are_translated(written: str, sent: str) -> None:
    assert core_selector(written) == sent


@pytest.mark.parametrize(
    "selector",
    [
        "JMSType = 'a' AND JMSCorrelationID = 'b' AND JMSReplyTo IS NULL",
        "name = 'JMSPriority' OR name = 'it''s JMSPriority'",
        "myJMSPriority = 1 OR JMSPriority2 = 1 OR $JMSPriority = 1 OR _JMSPriority = 1",
        "AMQSize > 10 AND name = 'a PERSISTENT one'",
        "text = 'never closed JMS",
        "",
    ],
)
def test_the_rest_stays(selector: str) -> None:
    assert core_selector(selector) == selector


def test_none_selects_all() -> None:
    assert core_selector(None) is None
