"""``echocast watch`` and ``replay``: they run beside the radar and send frames to a service."""
