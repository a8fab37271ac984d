"""What importing costs, measured in processes of its own, in turns, so that a busy machine is busy for all."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

FLOOR = """
import botocore.session, jwt
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
APIGatewayRestResolver({resolver})
from pynamodb.models import Model
botocore.session.get_session().create_client(
    "dynamodb", "eu-west-2", aws_access_key_id="none", aws_secret_access_key="none"
)
"""
"""What every API function needs whatever it does: the resolver, PynamoDB, PyJWT and a DynamoDB client."""

IMPORTED = ", imported"
"""After a function's name: what it took up to the end of its import."""

HANDLER = """
import handler
lap()
from misentinel.tenancy import aws
aws("dynamodb")
"""

_TIMED = """
import time
start = time.process_time()
def lap():
    print(time.process_time() - start)
{code}
lap()
"""


def floor(*, validation: bool) -> str:
    """The program that imports the least; with validation, the resolver brings pydantic."""
    return FLOOR.format(resolver="enable_validation=True" if validation else "")


def cheapest(programs: dict[str, tuple[str, str]], rounds: int, cache: Path) -> dict[str, float]:
    """The least processor time, in seconds, that each program took in so many rounds; functions' imports apart too.

    Parameters
    ----------
    programs
        By name: the function whose folder is on the path, or none; and the code.
    cache
        Where byte code is kept, so that a first round, which does not count, compiles it for the others.
    """
    taken: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, (function, code) in programs.items():
            *imported, seconds = _run(function, code, cache)
            for each, lap in ((name, seconds), *((name + IMPORTED, lap) for lap in imported)):
                if number:
                    taken[each] = min(lap, taken.get(each, lap))
    return taken


def _run(function: str, code: str, cache: Path) -> list[float]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name != "PYTHONDONTWRITEBYTECODE"
    } | {
        "AWS_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT / "functions" / (function or "people")), str(ROOT / "layers/misentinel")]
        ),
        "PYTHONPYCACHEPREFIX": str(cache),
    }
    command = [sys.executable, "-c", _TIMED.format(code=code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return [float(lap) for lap in done.stdout.split()]
