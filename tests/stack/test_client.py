"""A typed client, generated from the API's document, is sound and works: none is committed, anybody can make one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.stack import Stack

ROOT = Path(__file__).parent.parent.parent

PACKAGE = "misentinel_client"

MYPY = f"""
[mypy]
strict = True
[mypy-{PACKAGE}.client]
# The generator's own template, the same for every document: its __exit__ hands objects on.
disable_error_code = arg-type
"""

PROGRAM = '''
"""What a customer's program does with it."""

import sys

from misentinel_client import AuthenticatedClient
from misentinel_client.api.people import create_person, list_people, read_person, search_people, update_person
from misentinel_client.models import Condition, NewPerson, Op, Person, PersonChange, PersonPage, Problem, Search
from misentinel_client.types import UNSET

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])

made = create_person.sync(client=client, body=NewPerson(name="Ada Lovelace", external_id="ada-1"), idempotency_key="k1")
assert isinstance(made, Person), made
assert (made.name, made.external_id) == ("Ada Lovelace", "ada-1")

again = create_person.sync(client=client, body=NewPerson(name="Ada Lovelace", external_id="ada-1"), idempotency_key="k1")
assert isinstance(again, Person), again
assert again.id == made.id

answer = read_person.sync_detailed(made.id, client=client)
assert isinstance(answer.parsed, Person), answer
etag = answer.headers["ETag"]

changed = update_person.sync(made.id, client=client, body=PersonChange(name="Ada King"), if_match=etag)
assert isinstance(changed, Person), changed
assert changed.name == "Ada King"

stale = update_person.sync(made.id, client=client, body=PersonChange(name="Ada Byron"), if_match=etag)
assert isinstance(stale, Problem), stale
assert stale.type_.endswith(":precondition-failed")

by_external_id = Condition(field="external_id", op=Op.EQ, value="ada-1")
found = search_people.sync(client=client, body=Search(where=by_external_id))
assert isinstance(found, PersonPage), found
assert [each.id for each in found.items] == [made.id]

listed = list_people.sync(client=client, limit=1)
assert isinstance(listed, PersonPage), listed
assert [each.id for each in listed.items] == [made.id]
assert listed.next_cursor is None or listed.next_cursor is not UNSET

missing = read_person.sync("01935c8e-7f3a-7c21-9b42-0d6c5f1e2a3b", client=client)
assert isinstance(missing, Problem), missing
assert (missing.status, missing.type_.rpartition(":")[2]) == (404, "not-found")
print("the client works")
'''


def run(*command: str, folder: Path) -> str:
    """What a program prints; it must succeed."""
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - the environment's own tools
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated package in it; the generator had nothing to complain of."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "generator.json").write_text(f'{{"package_name_override": "{PACKAGE}", "post_hooks": []}}')
    told = run(
        "openapi-python-client",
        "generate",
        *("--path", str(ROOT / "docs/openapi.json"), "--meta", "none", "--output-path", PACKAGE),
        *("--config", "generator.json", "--fail-on-warning"),
        folder=folder,
    )
    assert "warning" not in told.lower()
    (folder / "program.py").write_text(PROGRAM)
    (folder / "mypy.ini").write_text(MYPY)
    return folder


def test_it_compiles_and_its_types_are_sound(generated: Path) -> None:
    run(sys.executable, "-m", "compileall", "-q", PACKAGE, folder=generated)
    assert "Success" in run("mypy", "--config-file", "mypy.ini", PACKAGE, "program.py", folder=generated)


def test_a_program_creates_reads_searches_and_is_refused_with_it(generated: Path, stack: Stack) -> None:
    client = stack.new_workspace()
    token = client.tokens["access_token"]
    assert "the client works" in run(sys.executable, "program.py", stack.api, token, folder=generated)
