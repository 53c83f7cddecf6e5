"""Request bodies, from the socket to stored frames: read only by limited child processes."""
