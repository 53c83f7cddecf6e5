"""Commands that need the network: ``python -m echocast.model``."""
