"""The network's step with fewer multiplications, derived from the plain cells at load."""
