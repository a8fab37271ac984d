"""AWS's list prices in London (eu-west-2), in US dollars, without free tiers: each with where it was read and when."""

from dataclasses import dataclass

GB = 2**30
_LIST = "AWS price list, eu-west-2, read 6 October 2026"
_RATIO = "no dated London list at hand: the US East list of October 2026 times 1.19, London's ratio for DynamoDB"


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of something costs."""

    name: str
    usd: float
    unit: str
    source: str


API_REQUEST = Price("API Gateway, REST", 3.50e-6, "request", "AWS price list, eu-west-2, read 5 September 2026")
LAMBDA_REQUEST = Price("Lambda, request", 0.20e-6, "request", _LIST)
LAMBDA_GB_SECOND = Price("Lambda, arm64", 13.3334e-6, "GB-second", _LIST)
WRITE_UNIT = Price(
    "DynamoDB, write on demand",
    0.7423e-6,
    "unit",
    "London's list of 2024 ($1.4846), halved on 1 November 2024; not re-read",
)
READ_UNIT = Price(
    "DynamoDB, read on demand",
    0.1485e-6,
    "unit",
    "London's list of 2024 ($0.297), halved on 1 November 2024; not re-read",
)
TABLE_GB = Price("DynamoDB, storage", 0.297, "GB a month", _RATIO)
EVENT = Price(
    "EventBridge, custom event",
    1.15e-6,
    "64 KB",
    "US East's $1.00 times 1.15, as its scheduler costs in London; not read",
)
FIREHOSE_GB = Price("Firehose, ingestion in steps of 5 KB", 0.029 * 1.19, "GB", _RATIO)
PARTITIONED_GB = Price("Firehose, dynamic partitioning", 0.020 * 1.19, "GB", _RATIO)
PARTITIONED_OBJECT = Price("Firehose, partitioned object", 5.0e-6 * 1.19, "object", _RATIO)
JQ_HOUR = Price("Firehose, jq", 0.07 * 1.19, "hour", _RATIO)
S3_PUT = Price("S3, PUT", 5.3e-6, "request", _LIST)
S3_GB = Price("S3, Standard", 0.024, "GB a month", _LIST)
LOG_GB = Price("CloudWatch Logs, ingestion", 0.5985, "GB", _LIST)
METRIC = Price("CloudWatch, metric", 0.30, "metric a month", _LIST)
ALARM = Price("CloudWatch, alarm", 0.10, "alarm a month", _LIST)
TRACE = Price("X-Ray, trace recorded", 5.0e-6 * 1.19, "trace", _RATIO)
KMS_REQUEST = Price("KMS, request", 3.0e-6, "request", _LIST)
KMS_KEY = Price("KMS, key", 1.0, "key a month", _LIST)
SQS_REQUEST = Price("SQS, request", 0.40e-6, "request", _LIST)

ALL = (
    API_REQUEST,
    LAMBDA_REQUEST,
    LAMBDA_GB_SECOND,
    WRITE_UNIT,
    READ_UNIT,
    TABLE_GB,
    EVENT,
    FIREHOSE_GB,
    PARTITIONED_GB,
    PARTITIONED_OBJECT,
    JQ_HOUR,
    S3_PUT,
    S3_GB,
    LOG_GB,
    METRIC,
    ALARM,
    TRACE,
    KMS_REQUEST,
    KMS_KEY,
    SQS_REQUEST,
)
