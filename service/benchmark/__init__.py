"""``echocast benchmark``: the whole chain, measured through HTTP."""
