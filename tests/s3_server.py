"""A real S3 server on loopback, with one bucket."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ports import free_port


@contextmanager
def s3_bucket(name: str = "radar") -> Iterator[str]:
    """The address of an empty bucket; libraries find the server by environment variables.

    Servers of one process share their buckets: each needs names of its own.
    """
    import boto3
    from moto.server import ThreadedMotoServer

    port = free_port()
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        endpoint = f"http://127.0.0.1:{port}"
        for variable, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ENDPOINT_URL": endpoint,
        }.items():
            patch.setenv(variable, value)
        client = boto3.client("s3")
        client.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield f"s3://{name}"
    server.stop()
