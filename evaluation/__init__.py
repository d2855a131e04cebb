"""Measuring guidance on labelled messages, and fitting the figures that its score is made with.

`make evaluate` runs it. It is no part of the product: it reads messages from a folder outside the
project and writes only outreach/guidance/weights.json. It needs the extra `evaluate`.
"""
