"""``python -m corewire_server``: the same as the program ``corewire``."""

import sys

from corewire_server.cli import main

sys.exit(main())
