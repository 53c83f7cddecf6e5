"""The ``echocast`` command."""
