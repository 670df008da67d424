"""Clients are configured in all ways that matter to a broker of ours."""

from __future__ import annotations

import random
from dataclasses import fields

from corewire.client.config import ClientConfig
from corewire_server.simulator.settings import draw_config

DRAWN = {
    *("confirmation_window_bytes", "consumer_window_bytes", "producer_window_bytes", "resend_bytes_max"),
    *("block_on_durable_send", "block_on_non_durable_send", "block_on_acknowledge"),
    *("dups_ok_batch_bytes", "transaction_batch_bytes", "connection_ttl_s", "client_failure_check_period_s"),
    *("call_timeout_s", "call_failover_timeout_s", "reconnect_attempts", "failover_attempts"),
    *("retry_interval_s", "retry_interval_multiplier", "use_topology_for_load_balancing", "load_balancing"),
    "exactly_once",
}


def test_every_option_takes_more_than_one_value() -> None:
    rng = random.Random(1)
    configs = [draw_config(rng, ("a", "b")) for _ in range(200)]
    varied = {each.name for each in fields(ClientConfig) if len({str(getattr(one, each.name)) for one in configs}) > 1}
    assert varied == DRAWN


def test_windows_are_off_small_and_large() -> None:
    rng = random.Random(1)
    configs = [draw_config(rng, ("a",)) for _ in range(200)]
    assert {one.confirmation_window_bytes for one in configs} == {None, 600, 1_048_576}
    assert {one.consumer_window_bytes for one in configs} == {None, 0, 400, 1_048_576}
    assert {one.reconnect_attempts for one in configs} == {None, 4}
