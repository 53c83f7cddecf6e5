"""The network family: configuration, cells by equation, whole networks and their checkpoints."""
