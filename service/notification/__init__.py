"""Rules of messages: rain at a place that is sent, once per event, to addresses of people."""
