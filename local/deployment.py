"""Build the template and deploy it to an embedded cloud, as `sam` would to AWS; nothing is done twice."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.place import ACCOUNT, REGION, ROOT, STACK, SetUpError, clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.place import Place

_BUILD = ROOT / ".aws-sam"
_BUILT = _BUILD / "fingerprint"
_FINGERPRINT = "/misentinel/local/fingerprint"
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers")


def architecture() -> str:
    """The machine's architecture in Lambda's words."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def client(place: Place, service: str, *, attempts: int = 1) -> Any:
    """A boto3 client of the root user; it sees what no function may. It asks so often while the answer is a 5xx."""
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=place.endpoint,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",  # noqa: S106 - the embedded cloud checks no root password
        config=Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": attempts}, max_pool_connections=50
        ),
    )


def _source_files() -> Iterator[Path]:
    for name in _SOURCES:
        source = ROOT / name
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        yield from (each for each in files if each.is_file() and "__pycache__" not in each.parts)


def fingerprint() -> str:
    """A hash of all that is deployed: template, configuration, functions and layers."""
    digest = hashlib.sha256(f"{architecture()} {sys.version_info[:2]}".encode())
    for file in _source_files():
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _sam(arguments: list[str], environment: dict[str, str], failure: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [str(Path(sys.executable).with_name("sam")), *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=clean_environment() | environment | {"PATH": path, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1"},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        raise SetUpError(failure)


def _parameters() -> list[str]:
    """The local parameters of samconfig.toml, which the command line would replace, and the host's architecture."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    listed: list[str] = config["local"]["deploy"]["parameters"]["parameter_overrides"]
    return ["--parameter-overrides", *listed, f"Architecture={architecture()}"]


def build() -> str:
    """Run `sam build` unless the build folder already holds just these sources.

    Returns
    -------
    str
        The fingerprint of what was built.

    Raises
    ------
    SetUpError
        `sam build` did not succeed; what it said is on the screen.
    """
    _BUILD.mkdir(exist_ok=True)
    with (_BUILD / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        wanted = fingerprint()
        if _BUILT.exists() and _BUILT.read_text() == wanted:
            return wanted
        _BUILT.unlink(missing_ok=True)
        _sam(
            ["build", "--cached", "--parallel", "--config-env", "local", *_parameters()],
            {"AWS_DEFAULT_REGION": REGION},
            "The template was not built: sam build says why above.",
        )
        _BUILT.write_text(wanted)
        return wanted


def _deployed(place: Place) -> str | None:
    """Fingerprint of what is deployed; empty when it is unknown, None when there is no stack.

    It is kept in the embedded cloud, so that it is lost with the state that it describes.
    """
    try:
        stacks = client(place, "cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError:
        return None
    if not stacks or stacks[0]["StackStatus"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return None
    try:
        found: str = client(place, "ssm").get_parameter(Name=_FINGERPRINT)["Parameter"]["Value"]
    except ClientError:
        return ""
    return found


def deploy(place: Place) -> bool:
    """Build and deploy what is not yet deployed here.

    Returns
    -------
    bool
        Whether the stack is a new one, with no data in it.

    Raises
    ------
    SetUpError
        The build or the deployment did not succeed.
    """
    wanted = build()
    before = _deployed(place)
    if before == wanted:
        return False
    _sam(
        ["deploy", "--config-env", "local", "--stack-name", STACK, *_parameters()],
        place.environment(),
        "The template was not deployed: sam deploy says why above.",
    )
    client(place, "ssm").put_parameter(Name=_FINGERPRINT, Value=wanted, Type="String", Overwrite=True)
    return before is None


def api_url(place: Place) -> str:
    """The deployed API's base address, without a slash at its end.

    Raises
    ------
    SetUpError
        The stack has no REST API.
    """
    resources = client(place, "cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    physical = {each["ResourceType"]: each["PhysicalResourceId"] for each in resources}
    try:
        api, stage = physical["AWS::ApiGateway::RestApi"], physical["AWS::ApiGateway::Stage"]
    except KeyError as missing:
        message = f"The deployed stack has no {missing}."
        raise SetUpError(message) from missing
    return f"http://localhost:{place.port}/_aws/execute-api/{api}/{stage.rpartition('/')[2]}"


def forget_build() -> None:
    """Remove the build folder."""
    shutil.rmtree(_BUILD, ignore_errors=True)
