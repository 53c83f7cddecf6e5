"""What tests of deployments share: a registry with one tiny network."""

from tests.service.conftest import models

__all__ = ["models"]
