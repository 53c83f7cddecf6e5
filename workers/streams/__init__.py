"""Streams: radar products that arrive frame by frame, forecast and score themselves.

The files are the truth, all of them whole objects that are written once:

<root>/streams/<name>/stream.json, origin.json, canary.json   what was declared, what came first
<root>/frames/<name>/<yyyy>/<mm>/<dd>/<time>.npz              one observed frame
                                             <time>.aside         it ended its workers
<root>/forecasts/<name>/<yyyy>/<mm>/<dd>/<time>.json          what was issued, and its file:
                                             <time>_<model>_<id>_<try>.nc
<root>/verification/<name>/<yyyy-mm-dd>/<time>_<id>_<frame>.json   counts of one forecast and frame

What is still to do follows from the names alone: every pair of an issued forecast and a frame at
one of its valid times needs its counts. So nothing has to be remembered, and any process may die
at any point. The engine holds sums of the counts, which ``echocast reindex`` makes again.
"""
