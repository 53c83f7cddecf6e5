"""How a process ends that may not go on: by one sentence, and a code that says whether to retry."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydantic import ValidationError

from echocast.model.errors import EchocastError
from echocast.workers.errors import AnotherStore, EngineRefused

REFUSED: Final = 78  # EX_CONFIG of sysexits.h: to start again with the same settings does not help
WRONG_CONFIGURATION: Final = (AnotherStore, EngineRefused, ValidationError)


@contextmanager
def ending_by_a_sentence(name: str, *wrong: type[Exception]) -> Iterator[None]:
    """A context that ends the process at an error that we know.

    Args:
        name: Of the command, before the sentence.
        wrong: Further errors that mean a wrong configuration, with :data:`WRONG_CONFIGURATION`.
    """
    try:
        yield
    except (EchocastError, ValidationError) as error:
        print(f"{name}: {sentence(error)}", file=sys.stderr)
        sys.exit(REFUSED if isinstance(error, (*WRONG_CONFIGURATION, *wrong)) else 1)


def sentence(error: Exception) -> str:
    """What is wrong; of settings, which ones pydantic refused, and why."""
    if not isinstance(error, ValidationError):
        return str(error)
    wrong = ", ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return f"A setting is invalid: {wrong}."
