"""pysteps' forms of files, values, nowcasts and Datasets; ``echocast.pysteps`` is the door.

pysteps itself is imported nowhere: it is no dependency.
"""
