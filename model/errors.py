"""What can go wrong, as domain exceptions in whole sentences.

    EchocastError
    ├── InputError              something is wrong with what the caller sent
    │   ├── UnreadableInput     the bytes are not what they claim to be
    │   ├── UnsupportedInput    a format or option we do not know
    │   ├── InputTooLarge       more than the limits allow
    │   ├── ContractViolation   readable, but breaks a named rule of the input contract
    │   └── NotStored           a part of a forecast that its file goes without on purpose
    └── ModelError              something is wrong with a network or its checkpoint
        ├── CheckpointError     a checkpoint is damaged, incomplete or of another kind
        │   └── UnknownModel    there is no model of that name, version or role
        └── RegistryError       the registry can't be written, or is damaged
            ├── RegistryConflict    what it holds forbids it, or another one is writing
            │   └── RegistryChanged it is not as it was read before
            └── RegistryFull        its disk is full

HTTP status codes are given to these classes in one table of the service, nowhere else.
"""

from __future__ import annotations

MOST_REPEATED = 100  # characters of what a caller sent that a message repeats
LONGEST_MESSAGE = 800


def short(value: object, length: int = MOST_REPEATED) -> str:
    """What a caller sent, safe to repeat: the beginning, with no control characters in it."""
    text = str(value)
    cut = text if len(text) <= length else text[: length - 3] + "..."
    return "".join(letter if letter.isprintable() else "?" for letter in cut)


class EchocastError(Exception):
    """Root of every error that Echocast raises on purpose."""


class InputError(EchocastError):
    """Something is wrong with what the caller sent.

    Args:
        message: One sentence that names the rule, the offending value and where it was found.
        rule: Stable short name of the broken rule, e.g. ``frame-count``.
    """

    default_rule = "input"

    def __init__(self, message: str, *, rule: str | None = None) -> None:
        super().__init__(short(message, LONGEST_MESSAGE))
        self.rule = rule or self.default_rule


class UnreadableInput(InputError):
    """The bytes are not what they claim to be."""

    default_rule = "unreadable"


class UnsupportedInput(InputError):
    """A format, unit or option that Echocast does not know."""

    default_rule = "unsupported"


class InputTooLarge(InputError):
    """More bytes, pixels or frames than the limits allow."""

    default_rule = "too-large"


class ContractViolation(InputError):
    """Readable frames that break a named rule of the input contract."""

    default_rule = "contract"


class NotStored(InputError):
    """A product of a forecast that its file goes without on purpose."""

    default_rule = "not-stored"


class ModelError(EchocastError):
    """Something is wrong with a network or its configuration."""


class CheckpointError(ModelError):
    """A checkpoint is damaged, incomplete, or made for another network."""


class UnknownModel(CheckpointError):
    """There is no model of that name and version, and none in that role."""


class RegistryError(ModelError):
    """The registry can't be written, or what it holds is damaged."""


class RegistryConflict(RegistryError):
    """What the registry holds forbids it, or another process is writing to it."""


class RegistryChanged(RegistryConflict):
    """The history has another version than the one that was read before."""


class RegistryFull(RegistryError):
    """The registry's disk is full; what was there before still holds."""


OUT_OF_MEMORY_TEXTS = ("out of memory", "allocate memory", "not enough memory")


def is_out_of_memory(error: Exception) -> bool:
    """True for Python's, PyTorch's and CUDA's ways to say that memory ran out."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY_TEXTS)
