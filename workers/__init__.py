"""The work of Echocast: queue, jobs, archive, batching and the tasks. May import ``model``."""
