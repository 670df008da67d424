"""Clients are configured in all ways that matter to a broker of ours."""

from __future__ import annotations

import random
import re
from dataclasses import fields, replace
from pathlib import Path

from corewire.client._options import options_of
from corewire.client.config import ClientConfig, Endpoint, Tls
from corewire_server.simulator.scenario import Options, draw
from corewire_server.simulator.settings import draw_config, vary

DRAWN = {
    *("confirmation_window_bytes", "consumer_window_bytes", "producer_window_bytes", "resend_bytes_max"),
    *("block_on_durable_send", "block_on_non_durable_send", "block_on_acknowledge"),
    *("dups_ok_batch_bytes", "transaction_batch_bytes", "connection_ttl_s", "client_failure_check_period_s"),
    *("call_timeout_s", "call_failover_timeout_s", "reconnect_attempts", "failover_attempts"),
    *("retry_interval_s", "retry_interval_multiplier", "use_topology_for_load_balancing", "load_balancing"),
    "exactly_once",
}
SELDOM = {
    *("ha", "resilient", "reconnect_attempts", "initial_connect_attempts", "retry_interval_s_max", "endpoints"),
    *("client_failure_check_period_s", "connection_ttl_s", "client_id", "enable_shared_client_id", "user", "password"),
    *("producer_rate_max", "consumer_rate_max", "pre_acknowledge"),
    *("compress_large_message", "compression_level", "large_message_bytes_min"),
}
SELDOM_LACKING = {"auto_group", "group_id"}
NOT_SHOWN = {"discovery", "on_message_close_timeout_s", "ack_batch_bytes", "collect_bytes_max"}
PAGE = Path(__file__).parents[2] / "docs/design/simulator.md"


def varied(configs: list[ClientConfig]) -> set[str]:
    """Names of what is not the same in all of them."""
    names = [each.name for each in fields(ClientConfig) if each.compare]
    return {name for name in names if len({str(getattr(one, name)) for one in configs}) > 1}


def drawn(options: Options) -> list[ClientConfig]:
    """Of the clients of many histories."""
    return [config for seed in range(100) for config in draw(random.Random(seed), options).configs]


def test_every_option_takes_more_than_one_value() -> None:
    rng = random.Random(1)
    assert varied([draw_config(rng, ("a", "b")) for _ in range(200)]) == DRAWN


def test_windows_are_off_small_and_large() -> None:
    rng = random.Random(1)
    configs = [draw_config(rng, ("a",)) for _ in range(200)]
    assert {one.confirmation_window_bytes for one in configs} == {None, 600, 1_048_576}
    assert {one.consumer_window_bytes for one in configs} == {None, 0, 400, 1_048_576}
    assert {one.reconnect_attempts for one in configs} == {None, 4}


def test_what_hardly_anybody_changes_is_changed_where_that_is_asked_for() -> None:
    assert varied(drawn(Options(nodes=2))) == DRAWN
    assert varied(drawn(Options(nodes=2, every_option=True))) == DRAWN | SELDOM
    lacking = varied(drawn(Options(nodes=2, every_option=True, workload="lacking")))
    assert lacking == (DRAWN | SELDOM | SELDOM_LACKING) - {"compress_large_message", "large_message_bytes_min"}


def test_a_seed_is_the_same_history_but_for_what_clients_change() -> None:
    for seed in range(20):
        plain, every = (draw(random.Random(seed), Options(every_option=each)) for each in (False, True))
        worlds = [(each.conduct, each.journal, each.gate, each.patient) for each in (plain, every)]
        assert worlds[0] == worlds[1]
        assert [[replace(job.errand, owed=True) for job in jobs] for jobs in plain.clients] == [
            [replace(job.errand, owed=True) for job in jobs] for jobs in every.clients
        ]


def test_who_checks_nothing_leaves_no_session_for_ever() -> None:
    unlimited = [each for each in drawn(Options(every_option=True)) if each.connection_ttl_s is None]
    assert {each.confirmation_window_bytes for each in unlimited} == {None}
    assert {each.client_failure_check_period_s for each in unlimited} == {None}


def test_exactly_once_is_not_contradicted() -> None:
    rng = random.Random(1)
    config = draw_config(rng, ("a",), exactly_once=True)
    assert {each.reconnect_attempts for each in (vary(rng, config, "me") for _ in range(200))} == {None}


def test_each_option_is_drawn_or_the_page_says_why_not() -> None:
    names = {each.name for each in fields(ClientConfig) if each.compare}
    assert names == DRAWN | SELDOM | SELDOM_LACKING | NOT_SHOWN
    section = PAGE.read_text().partition("## Options of clients")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([A-Za-z-]+)`", section))
    keys = {name: key for key, (name, _) in options_of(ClientConfig).items()}
    assert told >= {keys[name] for name in SELDOM | SELDOM_LACKING | NOT_SHOWN if name in keys}
    assert told >= options_of(Tls).keys() | options_of(Endpoint).keys()
