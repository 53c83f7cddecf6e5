"""What a source may be called; the gateway knows no more of sources."""

NAME = r"^[a-z][a-z0-9-]{0,39}$"
