"""Errors that end a command by one sentence, and the exit status that says whether to try again."""

from __future__ import annotations

from echocast.model.errors import EchocastError

KNOWN = (EchocastError, OSError, ValueError)  # errors that end a command by one sentence


def sentence_of(error: Exception) -> str:
    """What is wrong; an error that we do not know is raised again."""
    from pydantic import ValidationError

    from echocast.workers.runtime.refusal import sentence

    if not isinstance(error, EchocastError | OSError | ValidationError):
        raise error
    return sentence(error)


def exit_code(error: Exception) -> int:
    """Whether to start the same command again may help."""
    from echocast.service.errors import StartRefused
    from echocast.workers.runtime.refusal import REFUSED, WRONG_CONFIGURATION

    return REFUSED if isinstance(error, (*WRONG_CONFIGURATION, StartRefused)) else 1
