"""``python -m rankme`` is the command ``rankme``."""

import sys

from rankme.cli import main

if __name__ == "__main__":
    sys.exit(main())
