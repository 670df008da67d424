"""Both sides count the commands of a session alike."""

from __future__ import annotations

from corewire_server.simulator.checkers.checker import Checker


class CountsAgree(Checker):
    """What a broker has answered it has counted, refused commands too: no client writes such a command once more."""

    rule = "counting"

    def resumed(self, now: int, client: str, session: str, again: int, answered: int) -> None:
        if answered:
            self.broken(
                now, f"{client} writes {again} commands of session {session} again, {answered} of them answered"
            )
