"""The door of Echocast: HTTP, pages and the command line. Never imports torch."""
