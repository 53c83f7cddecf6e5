"""ASGI middleware, passed by every request: hosts, origins, body limits, HEAD."""
