"""Predictions beside measured figures: ``python -m llmcalc_core.validation FILE.csv``.

A file of one of two schemas (:mod:`closed_loop` and :mod:`published`) becomes cases, a case a
prediction with its band, and all of them a table of errors.
"""
