"""The command line above `run`: which commands there are. Each is imported when it is called."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError

WRONG_USAGE = 2
INTERRUPTED = 130

app = App(
    name="corewire",
    help="Clients and a broker for the CORE protocol of Apache ActiveMQ Artemis.",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for _name in ("version", "explain", "decode", "produce", "consume", "demo"):
    app.command(f"corewire_server.cli.{_name}:{_name}")
app.command("corewire_server.cli.consume:browse")


def main(words: list[str]) -> int:
    """Run the command in ``words``. Returns the exit code; what was used wrongly is 2, an interrupted command 130."""
    try:
        result = app(words, exit_on_error=False)
    except CycloptsError:
        return WRONG_USAGE  # it is printed
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        sys.stdout.flush()
    return result if isinstance(result, int) else 0
