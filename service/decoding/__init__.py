"""What callers send, from the socket to stored frames: read by limited child processes only."""
