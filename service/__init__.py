"""The door of Echocast: HTTP and the command line. Never imports torch."""
