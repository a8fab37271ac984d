"""The embedded cloud's own process: `python -m local.server`, configured by its environment alone."""

from __future__ import annotations

import asyncio
import sys

from ministack import app
from ministack.core import lambda_runtime

from local import patches

_GRACE_SECONDS = 2


def _let_clients_go() -> None:
    """Stop although clients keep their connections open: each would be waited for until it was idle for 75 seconds."""
    close = asyncio.Server.close

    def close_and_let_go(server: asyncio.Server) -> None:
        close(server)
        server.get_loop().call_later(_GRACE_SECONDS, server.close_clients)

    asyncio.Server.close = close_and_let_go  # type: ignore[assignment, method-assign] # no other way in


def main() -> None:
    """Serve until SIGTERM; then save the state and end the functions' processes."""
    patches.apply()
    _let_clients_go()
    # `main` reads options of its own; there are none to give.
    sys.argv = sys.argv[:1]
    try:
        app.main()
    finally:
        lambda_runtime.reset()


if __name__ == "__main__":
    main()
