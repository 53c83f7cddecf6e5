"""How fast the network is on this machine: per family, per domain, on a GPU."""
