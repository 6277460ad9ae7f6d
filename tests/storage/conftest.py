"""A bucket on this machine: a real HTTP server that speaks S3, in a process of its own."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator

import pytest

_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Where the server listens; it ends with the tests."""
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
    finally:
        server.stdin.close()
        server.wait(timeout=30)
        server.stdout.close()


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a place in a new bucket; keys and address are in the environment."""
    from pyarrow.fs import S3FileSystem

    for name, value in (
        ("AWS_ACCESS_KEY_ID", "someone"),
        ("AWS_SECRET_ACCESS_KEY", "something"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", s3_address),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    name = f"robots-{secrets.token_hex(4)}"
    S3FileSystem(
        endpoint_override=s3_address.removeprefix("http://"),
        scheme="http",
        region="eu-west-1",
        allow_bucket_creation=True,
    ).create_dir(name)
    return f"s3://{name}/a store/of robots"
