"""The plans of connecting: which endpoint, after which pause, how often."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from corewire.client._reconnect import Balancer, GiveUp, InitialConnect, Pause, Reconnect, Slots, Try
from corewire.client.config import ClientConfig, Endpoint, LoadBalancing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corewire.client._reconnect import Decision, Pair

A, B, C, D = (Endpoint(host=name) for name in "abcd")


def reconnect(config: ClientConfig, slots: Slots, pairs: Sequence[Pair] = ()) -> Reconnect:
    """A recovery that takes pairs in their order."""
    balancer = Balancer(LoadBalancing.ROUND_ROBIN, random.Random(1))
    balancer._last = -1
    return Reconnect(config, slots, lambda: pairs, balancer)


def story(plan: InitialConnect | Reconnect, *, limit: int = 50) -> list[str | float]:
    """What a plan does if nobody ever listens: hosts dialled and pauses made."""
    told: list[str | float] = []
    decision: Decision = plan.begin()
    for _ in range(limit):
        match decision:
            case Try(endpoint):
                told.append(endpoint.host)
                decision = plan.failed() if isinstance(plan, InitialConnect) else plan.unreachable()
            case Pause(delay_s):
                told.append(delay_s)
                decision = plan.resume()
            case GiveUp():
                break
    return told


def test_every_refused_attempt_counts_and_the_pauses_grow_to_their_maximum() -> None:
    config = ClientConfig(
        endpoints=(A,),
        reconnect_attempts=4,
        retry_interval_s=0.1,
        retry_interval_multiplier=2.0,
        retry_interval_s_max=0.3,
    )
    assert story(reconnect(config, Slots(A, (A,)))) == ["a", 0.1, "a", 0.2, "a", pytest.approx(0.3), "a"]


def test_the_first_pause_is_not_capped() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=3, retry_interval_s=5.0, retry_interval_s_max=2.0)
    assert story(reconnect(config, Slots(A, (A,)))) == ["a", 5.0, "a", 2.0, "a"]


def test_without_attempts_it_gives_up_at_once() -> None:
    assert story(reconnect(ClientConfig(endpoints=(A,)), Slots(A, (A,)))) == []


def test_who_broke_the_rules_is_not_dialled_at_once() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=2, retry_interval_s=0.5)
    plan = reconnect(config, Slots(A, (A,)))
    assert plan.begin(pause=True) == Pause(0.5)
    assert plan.resume() == Try(A)
    assert plan.attempt == 1
    none = ClientConfig(endpoints=(A,), reconnect_attempts=0)
    assert reconnect(none, Slots(A, (A,))).begin(pause=True) == GiveUp()


def test_without_limit_it_goes_on() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=None)
    assert story(reconnect(config, Slots(A, (A,))), limit=101).count("a") == 51


def test_one_attempt_tries_all_slots_without_a_pause() -> None:
    slots = Slots(A, (A,))
    slots.connected(B)
    slots.connected(C)
    slots.backup = D
    config = ClientConfig(endpoints=(A,), reconnect_attempts=2, retry_interval_s=1.0)
    assert story(reconnect(config, slots)) == ["c", "d", "b", "a", 1.0, "c", "d", "b", "a"]


def test_the_users_own_endpoint_of_the_backups_name_comes_first() -> None:
    own = Endpoint(host="tunnel", name="backup")
    slots = Slots(A, (A, own))
    slots.backup = Endpoint(host="announced", name="backup")
    assert [each.host for each in slots.candidates()] == ["a", "tunnel", "announced"]


def test_a_recovery_that_failed_takes_an_attempt_and_starts_the_pauses_again() -> None:
    config = ClientConfig(
        endpoints=(A,), reconnect_attempts=4, retry_interval_s=1.0, retry_interval_multiplier=2, retry_interval_s_max=9
    )
    plan = reconnect(config, Slots(A, (A,)))
    plan.begin()
    assert plan.unreachable() == Pause(1.0)
    plan.resume()
    assert plan.refused() == Pause(2.0)
    plan.resume()
    assert plan.unrecovered() == Pause(1.0)
    plan.resume()
    assert plan.unrecovered() == GiveUp()


@pytest.mark.parametrize("rounds", [0, 1])
def test_the_first_connection_is_tried_once_per_endpoint(rounds: int) -> None:
    config = ClientConfig(
        endpoints=(A, B, C), initial_connect_attempts=rounds, load_balancing=LoadBalancing.FIRST_ELEMENT
    )
    assert story(InitialConnect(config, config, Balancer(config.load_balancing, random.Random(1)))) == [
        "a",
        2.0,
        "a",
        2.0,
        "a",
    ]


def test_rounds_multiply_endpoints() -> None:
    config = ClientConfig(endpoints=(A, B, C), initial_connect_attempts=2, retry_interval_s=0.5)
    told = story(InitialConnect(config, config, Balancer(config.load_balancing, random.Random(1))))
    dialled = [each for each in told if isinstance(each, str)]
    assert len(dialled) == 6
    assert dialled[:3] == dialled[3:]
    assert sorted(dialled[:3]) == ["a", "b", "c"]
    assert told.count(0.5) == 5


def test_pairs_that_become_known_during_a_recovery_are_tried() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=0, failover_attempts=2, retry_interval_s=1.0)
    pairs: list[Pair] = [(B, None)]
    plan = reconnect(config, Slots(A, (A,)), pairs)
    assert plan.begin() == Try(B)
    pairs.append((C, None))
    assert plan.unreachable() == Try(C)


def test_policies_pick_as_they_are_called() -> None:
    def picks(policy: LoadBalancing) -> list[int]:
        balancer = Balancer(policy, random.Random(3))
        return [balancer.select(4) for _ in range(8)]

    first, *rest = picks(LoadBalancing.ROUND_ROBIN)
    assert rest == [(first + step) % 4 for step in range(1, 8)]
    assert set(picks(LoadBalancing.FIRST_ELEMENT)) == {0}
    assert len(set(picks(LoadBalancing.RANDOM_STICKY))) == 1
    assert len(set(picks(LoadBalancing.RANDOM))) > 1


def test_when_the_attempts_are_used_up_the_other_pairs_are_tried_in_rounds() -> None:
    config = ClientConfig(
        endpoints=(A,),
        reconnect_attempts=1,
        failover_attempts=2,
        retry_interval_s=1.0,
        retry_interval_multiplier=2.0,
        retry_interval_s_max=9.0,
    )
    told = story(reconnect(config, Slots(A, (A,)), [(B, None), (C, D)]))
    assert told == ["a", "b", "c", "d", 1.0, "b", "d", "c", "d"], "a backup that is known stays"


def test_rounds_alone_need_no_attempts() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=0, failover_attempts=3, retry_interval_s=1.0)
    assert story(reconnect(config, Slots(A, (A,)), [(B, None), (C, None)])) == [
        "b", "c", 1.0, "b", "c", 1.0, "b", "c",
    ]  # fmt: skip


def test_rounds_without_limit_go_on() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=0, failover_attempts=None)
    assert story(reconnect(config, Slots(A, (A,)), [(B, None)]), limit=41).count("b") == 21


def test_the_last_attempt_over_the_slots_knows_that_it_is_the_last() -> None:
    config = ClientConfig(endpoints=(A,), reconnect_attempts=2, failover_attempts=None, retry_interval_s=0.1)
    plan = reconnect(config, Slots(A, (A,)), [(A, None), (B, None)])
    known: list[bool] = []
    decision = plan.begin()
    for _ in range(6):
        if isinstance(decision, Try):
            known.append(plan.comes_back)
            decision = plan.unrecovered()
        else:
            decision = plan.resume()
    assert known == [True, False, False, False]
    endless = ClientConfig(endpoints=(A,), reconnect_attempts=None)
    assert reconnect(endless, Slots(A, (A,))).comes_back
