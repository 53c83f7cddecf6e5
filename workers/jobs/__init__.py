"""Jobs from the queue to their one terminal state: store, leases, janitor, shutdown."""
