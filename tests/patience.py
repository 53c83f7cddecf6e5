"""How long a test waits for what comes: longer on a machine that has other work to do."""

import os

LEAST_SECONDS = 120.0  # what comes does so much sooner
OWN_LOAD = 4.0  # for each CPU, of the tests themselves


def stretched(load: float, cpus: int) -> float:
    """How many times as long all may take under a load, beside what the tests make of it."""
    return max(1.0, load / (OWN_LOAD * cpus))


STRETCH = stretched(os.getloadavg()[0], os.cpu_count() or 1)
PATIENCE_SECONDS = LEAST_SECONDS * STRETCH
