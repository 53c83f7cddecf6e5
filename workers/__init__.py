"""The work of Echocast: queue, jobs, archive, batching and the tasks. May import ``model``.

``worker`` is the process; ``tasks`` is what it does; a job is claimed in ``jobs``, a frame of a
stream is scored in ``streams``.
"""
