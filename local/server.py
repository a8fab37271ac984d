"""The embedded cloud's own process: `python -m local.server`, configured by its environment alone."""

from __future__ import annotations

import sys

from ministack import app
from ministack.core import lambda_runtime

from local import patches


def main() -> None:
    """Serve until SIGTERM; then save the state and end the functions' processes."""
    patches.apply()
    # `main` reads options of its own; there are none to give.
    sys.argv = sys.argv[:1]
    try:
        app.main()
    finally:
        lambda_runtime.reset()


if __name__ == "__main__":
    main()
