"""The network family: configuration, cells equation by equation, and whole networks."""
