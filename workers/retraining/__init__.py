"""The trainer, the requests it answers and the schedule that makes them."""
