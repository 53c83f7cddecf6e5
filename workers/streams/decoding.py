"""Moved to :mod:`model.decoding`."""

from model.decoding import decoded_events

__all__ = ["decoded_events"]
