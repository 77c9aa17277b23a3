"""Predictions beside measured figures: ``python -m llmcalc_core.validation FILE.csv``.

A file of one of three schemas (:mod:`closed_loop`, :mod:`published` and :mod:`open_loop`) becomes
cases, a case a prediction with its band, and all of them a table of errors.
"""

from llmcalc_core.validation.report import error_table, errors
from llmcalc_core.validation.schemas import predict_file

__all__ = ["error_table", "errors", "predict_file"]
