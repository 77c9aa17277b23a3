"""What a server is told that changes how it schedules, captures and computes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from llmcalc_core.engines.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Settings of a server in place of its engine's defaults; None leaves one as it is.

    Attributes
    ----------
    token_budget : int, optional
        Most tokens of a step: ``--max-num-batched-tokens`` of vLLM, ``--chunked-prefill-size`` of
        SGLang, ``--max_num_tokens`` of TensorRT-LLM [tokens].
    captured_tokens : int, optional
        Most tokens of a step with prompts that is captured in pieces; 0 for none [tokens].
    whole_decode_graphs : bool, optional
        Whether decode steps are captured as one graph, not in pieces.
    overlaps_host : bool, optional
        Whether it prepares a step while the one before runs.
    marlin : bool
        Whether Marlin unpacks MXFP4 experts (``VLLM_MXFP4_USE_MARLIN=1``), whatever its own choice.
    """

    token_budget: int | None = None
    captured_tokens: int | None = None
    whole_decode_graphs: bool | None = None
    overlaps_host: bool | None = None
    marlin: bool = False

    def of(self, engine: Engine) -> Engine:
        """Give the engine as it is told to run, on every device.

        Examples
        --------
        >>> from llmcalc_core.engines import find_engine
        >>> told = Told(token_budget=4096).of(find_engine("vllm"))
        >>> told.on("H100_80GB", 85e9).token_budget, told.on("A100_80GB", 85e9).token_budget
        (4096, 4096)
        """
        if self == UNTOLD:
            return engine
        budget, captured = self.token_budget, self.captured_tokens
        limits = tuple(
            replace(
                one,
                token_budget=one.token_budget if budget is None else budget,
                captured_tokens=one.captured_tokens if captured is None else captured,
            )
            for one in engine.limits
        )
        return replace(
            engine,
            limits=limits,
            token_budget=engine.token_budget if budget is None else budget,
            captured_tokens=engine.captured_tokens if captured is None else captured,
            whole_decode_graphs=_or(self.whole_decode_graphs, engine.whole_decode_graphs),
            overlaps_host=_or(self.overlaps_host, engine.overlaps_host),
            marlin=self.marlin or engine.marlin,
        )


UNTOLD = Told()
"""Nothing is told."""


def _or(told: bool | None, usual: bool) -> bool:  # noqa: FBT001 - one flag or the other
    return usual if told is None else told
