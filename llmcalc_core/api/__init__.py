"""The guide's functions: its arguments in, its column names and keys out.

Latencies are in milliseconds and throughputs in tokens per second, as in the guide; the native
functions (:mod:`llmcalc_core.planning`), and those that say why a plan of theirs is as it is, use
SI units throughout.
"""
