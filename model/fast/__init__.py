"""The network's step, computed with fewer multiplications; derived from the plain cells at load."""
