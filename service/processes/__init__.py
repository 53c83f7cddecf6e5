"""The processes of a service: gateway, engine, and the supervisor of ``echocast up``."""
