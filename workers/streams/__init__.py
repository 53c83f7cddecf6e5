"""Streams: radar products that arrive frame by frame, forecast and score themselves.

The files are the truth. Each is a whole object that is written once:

<root>/streams/<name>/stream.json, origin.json, canary.json   declaration, first frame, first model
<root>/frames/<name>/<yyyy>/<mm>/<dd>/<time>.npz              one observed frame
                                      <time>.aside            it ended its workers
<root>/forecasts/<name>/<yyyy>/<mm>/<dd>/<time>.json          an issued forecast, and its file:
                                         <time>_<model>_<id>_<try>.nc
                                         (removed early, if nothing but scores need it)
<root>/counts/<name>/<yyyy>/<mm>/<dd>/<time>_<frame>.<digest>.json
                                                              counts of all forecasts at one frame

``<frame>`` stands for the frame's content: a replaced frame has another file of counts.
``<digest>`` stands for the forecasts that were counted: a forecast that is issued after its frame
came makes another file, which replaces the one before. Earlier versions wrote one file for each
forecast and frame, ``verification/<name>/<yyyy-mm-dd>/<time>_<id>_<frame>.json``; they are read on,
and ``echocast reindex`` rewrites them.

What is still to do follows from the files alone: every issued forecast needs counts at every frame
at one of its valid times. So nothing has to be remembered, and any process may die at any point.
The engine holds sums of the counts, which ``echocast reindex`` makes again.
"""
