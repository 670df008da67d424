"""The program ``corewire``."""

from __future__ import annotations

import sys

WRONG_USAGE = 2


def main(argv: list[str] | None = None) -> int:
    """Run the command in ``argv`` (default: the program's arguments). Returns the exit code."""
    from corewire_server.cli.words import arrange

    words = arrange(list(sys.argv[1:] if argv is None else argv))
    if words[:1] == ["run"]:  # before anything else is imported: the start of a broker is timed
        from corewire_server.cli import run

        return run.main(words[1:])
    try:
        from corewire_server.cli import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in {"cyclopts", "rich", "construct"}:
            raise
        sys.stderr.write(f"error: {error.name} is not installed\n  try: pip install 'corewire[cli]'\n")
        return WRONG_USAGE
    return app.main(words)
