"""How long a test waits for what comes."""

PATIENCE_SECONDS = 120.0  # what comes does so much sooner; but machines may be busy
