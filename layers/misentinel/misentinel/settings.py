"""What a deployment tells its functions: the only place that reads the environment."""

import os
from functools import lru_cache
from typing import NamedTuple

REGION = "eu-west-2"
"""All data stays in the UK: nothing starts anywhere else."""


class WrongRegionError(RuntimeError):
    """The function runs outside eu-west-2."""


class Settings(NamedTuple):
    """The environment of a function; a name that its template does not set is empty."""

    stage: str
    region: str
    service: str
    registry_table: str
    tenant_role_arn: str
    sign_in_role_arn: str
    log_role_arn: str
    token_key_arns: tuple[str, ...]
    secrets_key_arn: str
    table_key_arn: str
    stage_secret_arn: str
    event_bus_name: str
    refusals_queue_url: str
    provisioning_queue_url: str
    jobs_queue_url: str
    files_bucket: str
    sequencer_alias_arn: str
    sequencer_dlq_arn: str


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Read the environment once.

    Raises
    ------
    WrongRegionError
        Outside eu-west-2.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION", "")
    if region != REGION:
        message = f"MiSentinel keeps all data in the UK and runs in {REGION} only, not in {region!r}."
        raise WrongRegionError(message)
    return Settings(
        stage=os.environ.get("STAGE", ""),
        region=region,
        service=os.environ.get("POWERTOOLS_SERVICE_NAME", "misentinel"),
        registry_table=os.environ.get("REGISTRY_TABLE", ""),
        tenant_role_arn=os.environ.get("TENANT_ROLE_ARN", ""),
        sign_in_role_arn=os.environ.get("SIGN_IN_ROLE_ARN", ""),
        log_role_arn=os.environ.get("LOG_ROLE_ARN", ""),
        token_key_arns=tuple(filter(None, os.environ.get("TOKEN_KEY_ARNS", "").split(","))),
        secrets_key_arn=os.environ.get("SECRETS_KEY_ARN", ""),
        table_key_arn=os.environ.get("TABLE_KEY_ARN", ""),
        stage_secret_arn=os.environ.get("STAGE_SECRET_ARN", ""),
        event_bus_name=os.environ.get("EVENT_BUS_NAME", ""),
        refusals_queue_url=os.environ.get("REFUSALS_QUEUE_URL", ""),
        provisioning_queue_url=os.environ.get("PROVISIONING_QUEUE_URL", ""),
        jobs_queue_url=os.environ.get("JOBS_QUEUE_URL", ""),
        files_bucket=os.environ.get("FILES_BUCKET", ""),
        sequencer_alias_arn=os.environ.get("SEQUENCER_ALIAS_ARN", ""),
        sequencer_dlq_arn=os.environ.get("SEQUENCER_DLQ_ARN", ""),
    )
