"""
Our client's own traffic with a real broker, recorded by a proxy: every frame is as the codec would write it, and what either side
counts, confirms and writes again is what our engine, in its place, makes of the recording.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.playback import Playback
from tests.engine.recordings import read
from tests.interop import client_large_lanes as large
from tests.interop import client_link_lanes as link
from tests.interop import client_management_lanes as management
from tests.interop import client_message_lanes as messages
from tests.interop import client_notification_lanes as notifications
from tests.interop import client_session_lanes as sessions
from tests.interop import client_topic_lanes as topics
from tests.interop import client_transact_lanes as transact
from tests.interop import client_xa_lanes as xa
from tests.interop.worlds import World

from corewire._connection import Role
from corewire_server.capture import Recorder
from corewire_server.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.interop.artemis import Artemis

pytestmark = pytest.mark.slow
AGAIN = "reconnectAttempts=-1&retryInterval=10&useTopologyForLoadBalancing=false"
WINDOW, NO_WINDOW = f"{AGAIN}&confirmationWindowSize=3000", AGAIN
COUNT = 20
FEATURES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (messages.bodies_of_all_types_come_as_they_went, (COUNT,)),
    (messages.properties_of_all_types_come_as_they_went, (COUNT,)),
    (messages.numbered_messages_come_once_and_in_order, (COUNT,)),
    (sessions.transactions_move_messages, (COUNT,)),
    (sessions.individual_acknowledges_one, (COUNT,)),
    (topics.a_shared_subscription_is_shared, (COUNT,)),
    (xa.two_phases_take_effect_with_the_commit, ()),
    (management.operations_and_attributes_have_results, ()),
    (notifications.types_are_told_in_order, ()),
]


def record(artemis: Artemis, path: Path, play: Callable[[str, Proxy], object]) -> None:
    """Write down what passes between the broker and whoever uses the URL."""
    with path.open("w") as file, Proxy(("127.0.0.1", artemis.port), tap=Recorder(file)) as proxy:
        play(f"tcp://127.0.0.1:{proxy.port}", proxy)


def check(path: Path) -> int:
    """How many frames `corewire decode --check` finds good; it finds no bad one."""
    command = [sys.executable, "-m", "corewire_server", "decode", "--check", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.endswith(" ok, 0 bad\n"), done.stderr + done.stdout
    return int(done.stdout.split()[0])


def counted(path: Path) -> dict[str, int]:
    """What our engine, in the place of each side, compared with the recording: everything was equal."""
    compared: dict[str, int] = {}
    for role in Role:
        played = [Playback(role, confirms_into_the_void=void, foreign=role is Role.CLIENT) for void in (False, True)]
        for playback in played:
            playback.play(read(path))
        best = min(played, key=lambda playback: len(playback.differences))
        # Artemis confirms in threads of its own, later or earlier than we would: that it confirms only what was sent, and never
        # goes back, is seen in the place of the client.
        its_own = () if role is Role.CLIENT else ("confirmation: ", "server confirmed ")
        differences = [each for each in best.differences if not each.startswith(its_own)]
        assert differences == [], role
        compared = {**compared, **{f"{role.value} {what}": count for what, count in best.compared.items()}}
    return compared


@pytest.mark.parametrize(("feature", "more"), FEATURES, ids=lambda one: getattr(one, "__name__", None))
def test_every_feature_is_written_as_the_codec_writes_it_and_counted(
    feature: Callable[..., Any], more: tuple[Any, ...], artemis: Artemis, tmp_path: Path
) -> None:
    path = tmp_path / "recording.txt"
    name = f"recorded.{feature.__name__}"
    record(artemis, path, lambda url, _: World.ASYNCIO.run(feature, f"{url}?{WINDOW}", name, *more))
    assert check(path) > COUNT
    counted(path)


def test_both_sides_confirm_what_our_engine_would(artemis: Artemis, tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    lane = messages.numbered_messages_come_once_and_in_order
    record(artemis, path, lambda url, _: World.ASYNCIO.run(lane, f"{url}?{WINDOW}", "confirmed", 10 * COUNT))
    compared = counted(path)
    assert {"client confirmation", "server confirmation"} <= compared.keys(), compared


def test_large_messages_are_written_as_the_codec_writes_them_and_counted(artemis: Artemis, tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    record(artemis, path, lambda url, _: World.ASYNCIO.run(large.bodies_of_all_types_come_as_they_went, url, "large"))
    assert check(path) > COUNT
    counted(path)


@pytest.mark.parametrize("keys", [WINDOW, NO_WINDOW], ids=["re-attached", "recreated"])
@pytest.mark.parametrize("exactly", ["", "&exactlyOnce=true"], ids=["plain", "exactly-once"])
def test_what_is_written_when_a_link_is_lost_is_counted_too(
    keys: str, exactly: str, artemis: Artemis, tmp_path: Path
) -> None:
    path = tmp_path / "recording.txt"
    name = f"lost.{len(keys)}{len(exactly)}"

    def play(url: str, proxy: Proxy) -> None:
        World.ASYNCIO.run(link.goes_on_after, f"{url}?{keys}{exactly}", name, proxy.cut_all)

    record(artemis, path, play)
    assert check(path) > COUNT
    if not exactly:  # it asks for sessions again of whose making no answer came: the playback knows none of those
        assert counted(path)["client re-attachment"]


def test_transact_is_written_as_the_codec_writes_it(artemis: Artemis, tmp_path: Path) -> None:
    path = tmp_path / "recording.txt"
    options = f"{WINDOW}&exactlyOnce=true"

    def play(url: str, _: Proxy) -> None:
        World.ASYNCIO.run(_filled, f"{url}?{options}", "competed")
        World.ASYNCIO.run(transact.compete, f"{url}?{options}", "competed", COUNT, 2)

    record(artemis, path, play)
    assert check(path) > COUNT
    counted(path)


async def _filled(url: str, name: str) -> None:
    from corewire_transports.anyio import connect

    async with connect(url) as client, client.session() as session:
        for queue in (name, f"{name}.out"):
            await session.create_queue(queue)
        for number in range(COUNT):
            await session.send(name, str(number))
