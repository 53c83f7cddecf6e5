"""Archives of synthetic weather, tiny networks, and retrainings that take seconds."""

from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
STEP = timedelta(minutes=6)
EVENT_EVERY = timedelta(hours=8)
SEEDS = (271, 208, 293, 325, 209, 246, 245, 248, 255, 288, 207, 256)  # of heavy rain
