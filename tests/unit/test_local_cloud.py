"""Starting and stopping: one clear sentence when it cannot be, and only our own process is touched."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_socket

from local import cloud, targets
from local.place import Place, SetUpError, own_place


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of the loopback that somebody listens on."""
    pytest_socket.enable_socket()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_a_taken_port_is_said_in_one_sentence(taken: int, tmp_path: Path) -> None:
    place = Place(port=taken, folder=tmp_path / "cloud")
    with pytest.raises(SetUpError, match=rf"^Port {taken} is taken by another program: [^.]+\.$"):
        cloud.start(place)
    assert not place.folder.exists()


@pytest.mark.parametrize("port", ["", "80", "65536", "many", "-1", "4566.0"])
def test_what_is_no_port_is_refused(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MS_PORT", port)
    with pytest.raises(SetUpError, match="MS_PORT"):
        own_place()


def test_a_number_that_became_another_process_is_left_alone(tmp_path: Path) -> None:
    place = Place(port=4566, folder=tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        place.pid_file.write_text(json.dumps({"pid": other.pid, "started": "long ago"}))
        assert cloud.pid_of(place) is None
        assert not cloud.stop(place)
        assert other.poll() is None
        other.communicate(b"\n")
    assert not place.pid_file.exists()


def test_a_process_is_known_by_its_number_and_its_start(tmp_path: Path) -> None:
    place = Place(port=4566, folder=tmp_path)
    place.pid_file.write_text(json.dumps({"pid": os.getpid(), "started": cloud._started_at(os.getpid())}))
    assert cloud.pid_of(place) == os.getpid()


def test_aws_settings_of_the_developer_do_not_reach_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    told = cloud._server_environment(Place(port=4566, folder=tmp_path))
    assert "AWS_PROFILE" not in told
    assert "AWS_SESSION_TOKEN" not in told
    assert told["BIND_HOST"] == "127.0.0.1"
    assert told["AUTH"] == "true"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.detail.record", {"uid": "1"}),
        ("$.detail.record.uid", "1"),
        ("$", {"detail": {"record": {"uid": "1"}}}),
        ("$.detail.missing", {"detail": {"record": {"uid": "1"}}}),
    ],
)
def test_a_target_gets_what_its_input_path_points_at(path: str, expected: object) -> None:
    assert targets._at_path({"detail": {"record": {"uid": "1"}}}, path) == expected
