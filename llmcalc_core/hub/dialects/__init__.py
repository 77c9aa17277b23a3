"""How each ``model_type`` writes its architecture: one small function per dialect.

A dialect takes the ``Fields`` of a ``config.json`` and gives fields of ``ModelConfig``. To teach
the reader another one, write such a function and add it to the table of its family.
"""

from __future__ import annotations

from llmcalc_core.hub.dialects.compressed import COMPRESSED
from llmcalc_core.hub.dialects.dense import DENSE
from llmcalc_core.hub.dialects.early import EARLY
from llmcalc_core.hub.dialects.experts import EXPERTS
from llmcalc_core.hub.dialects.fields import Dialect, Fields
from llmcalc_core.hub.dialects.gemma import GEMMA
from llmcalc_core.hub.dialects.glm import GLM
from llmcalc_core.hub.dialects.granite import GRANITE
from llmcalc_core.hub.dialects.hunyuan import HUNYUAN
from llmcalc_core.hub.dialects.hybrid import HYBRID
from llmcalc_core.hub.dialects.images import IMAGES
from llmcalc_core.hub.dialects.kimi import KIMI
from llmcalc_core.hub.dialects.llamas import LLAMAS
from llmcalc_core.hub.dialects.mimo import MIMO
from llmcalc_core.hub.dialects.mixture import MIXTURE
from llmcalc_core.hub.dialects.nemotron import NEMOTRON
from llmcalc_core.hub.dialects.others import OTHERS
from llmcalc_core.hub.dialects.recurrent import RECURRENT
from llmcalc_core.hub.dialects.step import STEP

DIALECTS: dict[str, Dialect] = {
    **DENSE,
    **GEMMA,
    **GLM,
    **GRANITE,
    **OTHERS,
    **NEMOTRON,
    **MIXTURE,
    **MIMO,
    **EXPERTS,
    **HUNYUAN,
    **STEP,
    **LLAMAS,
    **COMPRESSED,
    **KIMI,
    **HYBRID,
    **IMAGES,
    **EARLY,
    **RECURRENT,
}
"""The reader of each ``model_type``."""

__all__ = ["DIALECTS", "Dialect", "Fields"]
