"""A challenger is trained on stored frames, judged and, if it is better, published.

``pipeline`` runs the stages: ``collect`` frames, ``train``, compare (``paired_forecasts``), decide
(``promotion``, by the ``checks``) and ``publish``.
"""
