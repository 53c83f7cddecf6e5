"""The registry of models over HTTP."""
