"""
Coverage-guided fuzzing of the client engine: `make fuzz`, or `python -m tests.fuzz.client_fuzz SECONDS FOLDER`.

The engine is instrumented; libFuzzer changes plays (`client_play`) so that they reach what none has reached. Plays worth keeping
are kept in FOLDER, and go on from there the next time. The first play that goes wrong ends it: its bytes are printed and kept
in FOLDER/crash-*; they belong into `test_client_fuzz.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["corewire.client", "corewire._channel", "corewire._foreign_channel"]):
    from tests.fuzz.client_play import Play
    from tests.fuzz.seeds import seeds

PLAY_BYTES_MAX = 1_000


def main() -> None:
    """Fuzz for so many seconds."""
    seconds, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-max_len={PLAY_BYTES_MAX}", f"-artifact_prefix={folder}/", "-timeout=30"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(folder)], lambda data: Play(data).run())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
