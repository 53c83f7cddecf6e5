"""What deployments share with the tests of the service: a registry with one tiny network."""

from tests.service.conftest import models

__all__ = ["models"]
