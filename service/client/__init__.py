"""What runs beside the radar: ``echocast watch`` and ``replay`` feed frames to a service."""
