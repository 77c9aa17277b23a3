"""``python -m llmcalc_core``: the command line."""

from __future__ import annotations

import sys

from llmcalc_core.cli.main import main

sys.exit(main())
