"""What frames show together: the rhythm of their times, and what rain can do between them."""
