"""What is deployed for every function to import."""

import io
import urllib.request
import zipfile

from deployed import root
from doors import FUNCTIONS

from local.stack import Stack

MOST_BYTES = 60_000_000


def test_the_layers_are_at_most_60_megabytes_unzipped(stack: Stack) -> None:
    awslambda = root(stack).aws("lambda")
    layers = awslambda.get_function_configuration(FunctionName="ms-local-people", Qualifier="live")["Layers"]
    assert len(layers) == 2
    size = 0
    for layer in layers:
        found = awslambda.get_layer_version_by_arn(Arn=layer["Arn"])
        with urllib.request.urlopen(found["Content"]["Location"]) as answer:  # noqa: S310 - the embedded cloud's own
            names = zipfile.ZipFile(io.BytesIO(answer.read())).infolist()
        size += sum(each.file_size for each in names)
    print(f"{size / 1e6:.1f} MB")
    assert 10_000_000 < size <= MOST_BYTES


def test_every_function_has_the_same_layers(stack: Stack) -> None:
    awslambda = root(stack).aws("lambda")
    found = {
        each["FunctionName"]: tuple(sorted(layer["Arn"] for layer in each.get("Layers", [])))
        for page in awslambda.get_paginator("list_functions").paginate()
        for each in page["Functions"]
        if each["FunctionName"].startswith("ms-local-")
    }
    assert len(found) == len(list(FUNCTIONS.glob("*/handler.py")))
    assert len(set(found.values())) == 1
