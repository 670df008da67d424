"""At most one node serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corewire_server.simulator.checkers.checker import Checker

if TYPE_CHECKING:
    from corewire_server.core.broker import Broker


class OneServer(Checker):
    """
    Of the nodes that call themselves by one node id at most one serves at any instant; each start of serving has an epoch that
    none had before; and once a node of an epoch has answered a client, none of an older one does.
    """

    rule = "one server"

    def __init__(self) -> None:
        super().__init__()
        self._ids: dict[str, str] = {}  # node -> the id that clients know it by
        self._serving: dict[str, int] = {}  # node -> epoch, of those that serve
        self._newest: dict[
            str, tuple[int, str]
        ] = {}  # id -> the newest epoch in which clients were answered, and by whom
        self._begun: dict[str, int] = {}  # id -> the newest epoch in which one began to serve

    def core_made(self, now: int, node: str, core: Broker) -> None:
        self._ids[node] = core.node_id

    def serving(self, now: int, node: str, epoch: int, serves: bool) -> None:
        if not serves:
            self._serving.pop(node, None)
            return
        name = self._ids[node]
        for other, its_epoch in self._serving.items():
            if other != node and self._ids[other] == name:
                self.broken(now, f"{node} serves in epoch {epoch}, while {other} serves in epoch {its_epoch}")
        if epoch <= self._begun.get(name, -1):
            self.broken(now, f"{node} begins to serve in epoch {epoch}, after one began in epoch {self._begun[name]}")
        self._begun[name] = max(epoch, self._begun.get(name, -1))
        self._serving[node] = epoch

    def answered(self, now: int, node: str, link: int, data: bytes) -> None:
        name = self._ids[node]
        epoch = self._serving.get(node)
        if epoch is None:
            self.broken(now, f"{node} answers clients, though it does not serve")
            return
        newest, who = self._newest.get(name, (-1, node))
        if epoch > newest or (epoch == newest and who == node):
            self._newest[name] = epoch, node
        else:
            self.broken(now, f"{node} answers clients in epoch {epoch}, after {who} did in epoch {newest}")
