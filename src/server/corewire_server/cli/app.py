"""The command line above `run`: which commands there are, and how they end. Each is imported when it is called."""

from __future__ import annotations

import os
import sys

from cyclopts import App, CycloptsError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

from corewire_server.cli.interrupts import interruptible
from corewire_server.cli.report import Exit, UsageError, complain
from corewire_server.cli.words import COMMANDS_NOT_BUILT, unknown_option

app = App(
    name="corewire",
    help="Clients and a broker for the CORE protocol of Apache ActiveMQ Artemis.",
    help_format="plaintext",
    version_flags=[],
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
for _target, _help in {
    "produce:produce": "Send messages.",
    "consume:consume": "Take messages and write their bodies.",
    "consume:browse": "Write the bodies of the messages in a queue; takes nothing.",
    "explain:explain": "Print frames as readable blocks.",
    "decode:decode": "Print frames as JSON, or check them.",
    "simulate:simulate": "Play histories of a broker or a pair in an invented world, and check what was promised.",
    "demo:demo": "Show what is promised while links are cut and the primary of a pair is killed.",
    "version:version": "Print the version.",
}.items():
    app.command(f"corewire_server.cli.{_target}", help=_help)
app.command(App(name="run", help="Start a broker: corewire run --help."))
_cluster = App(name="cluster", help="Look at a pair of nodes, and change which one serves.")
for _target, _help in {
    "cluster:show": "How the nodes are: roles, epochs, in step, lag.",
    "cluster:switch": "Let the other node serve, without clients noticing.",
    "cluster:failover": "Let a node serve though the other one cannot be asked.",
}.items():
    _cluster.command(f"corewire_server.cli.{_target}", help=_help)
app.command(_cluster)


def main(words: list[str]) -> int:
    """Run the command in ``words``. Returns the exit code; what was used wrongly is 2, an interrupted command 130."""
    try:
        with interruptible():
            result = app(words, exit_on_error=False, print_error=False)
            sys.stdout.flush()
    except CycloptsError as error:
        complain(_explained(error, words), sys.stderr, on=None, as_json="--json" in words)
        return Exit.WRONG_USAGE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # whoever read our output has enough
        _discard_output()
        return Exit.DONE
    return result if isinstance(result, int) else 0


def _explained(error: CycloptsError, words: list[str]) -> UsageError:
    """Say what was used wrongly in our own form, and name what may have been meant."""
    command = words[0] if words else ""
    if isinstance(error, UnknownCommandError) and command in COMMANDS_NOT_BUILT:
        return UsageError(f"corewire {command} is not built yet", hint="corewire --help")
    if isinstance(error, UnknownOptionError):
        known = [name for argument in error.argument_collection for name in argument.names if name.startswith("--")]
        said, nearest = unknown_option(command, error.token.keyword or error.token.value, known)
        return UsageError(said, hint=nearest)
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        called = " ".join(error.command_chain or (command,))
        return UsageError(f"{called} takes no {error.unused_tokens[0]!r}", hint=f"corewire {called} --help")
    return UsageError(" ".join(str(error).split()))


def _discard_output() -> None:
    """Let what is still buffered go nowhere: the interpreter flushes once more when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
