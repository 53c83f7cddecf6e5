"""``echocast demo``: the main job through HTTP, start to end."""
