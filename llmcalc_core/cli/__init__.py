"""The command line: ``llmcalc plan``, ``slo``, ``memory``, ``simulate`` and others."""
