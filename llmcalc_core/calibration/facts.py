"""What is known of a device and an engine: efficiency curves, links, and how the engine serves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmcalc_core.formulas import Floats, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What a family of operations reaches.

    Attributes
    ----------
    peak : float or array
        Peak rate of the type it computes in [FLOP/s].
    compute, memory : float or array
        Fractions of the peak rate and of the memory bandwidth [1].
    floor_s : float or array
        Time of an empty operation [s].
    sharpness : float or array
        The p of the norm that joins compute and memory time [1].
    half : float or array
        Size at which half of ``compute`` is reached [tokens]; of attention, keys of the last query.
    ramp_s : float or array
        Time that a large transfer adds, however large [s]; see ``ramp_seconds``.
    half_columns : float or array
        Width of an expert or a head at which half of ``compute`` is reached [elements].
    depth_s : float or array
        Time that each element of a product's inner size, or each key of the last query, adds [s].
    entering_bytes, leaving_bytes : float or array
        What each element of its input and of its result moves beside the product [bytes].
    tiles, whole_waves : float or array
        Tiles that run at once, 0 where it is no product of matrices or they were not looked at,
        and how far a begun round of them takes as long as a whole one [1].
    """

    peak: Values
    compute: Values
    memory: Values
    floor_s: Values
    sharpness: Values = math.inf
    half: Values = 0.0
    ramp_s: Values = 0.0
    half_columns: Values = 0.0
    depth_s: Values = 0.0
    entering_bytes: Values = 0.0
    leaving_bytes: Values = 0.0
    tiles: Values = 0.0
    whole_waves: Values = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links:
    """What messages reach: latency and fraction of the one-directional link rate, by width.

    Attributes
    ----------
    log_widths, latencies_s, fractions, ramps_s : array
        Binary logarithm of the participants measured [1], time of an empty all-reduce [s], bus
        bandwidth over the link's rate in one direction [1], and what a large one loses until it
        reaches that [s]; see ``collective_seconds``.
    host_fraction : float
        What a device reaches of the rate of the link to its host [1].
    """

    log_widths: Floats
    latencies_s: Floats
    fractions: Floats
    ramps_s: Floats
    node_latency_s: float
    node_fraction: float
    hand_over_latency_s: float
    hand_over_fraction: float
    host_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a serving engine mixes prefill and decoding.

    Attributes
    ----------
    first_token_s, first_token_steps : float or array
        Fixed time to the first token [s], and steps that a prompt waits beside the one that reads
        it [1]; see ``constants.toml``.
    prefill_first : float or array
        Whether it reads all prompts that wait before it decodes again, 1 or 0 [1].
    overlaps : float or array
        Whether the host works on a step while the devices run the one before, so that tokens are
        sent a step later, 1 or 0 [1].
    captured_tokens : float or array
        Most tokens of a step with prompts that runs as captured pieces [tokens].
    captured_sequences : float or array
        Most sequences of a decode step that is a captured graph [1].
    decode_pieces : float or array
        Launches of a layer in such a decode step: 0 where all of it is one graph [1].
    calls_per_kernel : float or array
        Calls of the host for each kernel that is in no captured graph [1].
    stream_token_s : float or array
        Time in which the one process before the engine sends a token to its client [s].
    """

    first_token_s: Values
    first_token_steps: Values
    prefill_first: Values
    overlaps: Values
    captured_tokens: Values
    captured_sequences: Values = math.inf
    decode_pieces: Values = 0.0
    calls_per_kernel: Values = 1.0
    stream_token_s: Values = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Efficiency:
    """Everything time estimates need to know of a device and an engine beside the peaks.

    Attributes
    ----------
    curves : dict of str to Curve
        What each family of operations reaches.
    links : Links
        What messages reach.
    step_s : float
        Fixed time of a step on the host [s].
    sequence_step_s : float
        Time that each sequence adds to a step on the host [s].
    host_launch_s : float
        Time of a call of the host into the driver or PyTorch's dispatcher: a kernel that is in no
        captured graph takes several, a captured piece one [s].
    draft_step_s, draft_pass_s : float
        Time that the host adds to a decode step that drafts, and to each of its passes [s].
    behaviour : Behaviour
        How the engine serves.
    device, engine : str
        Whose facts these are.
    data_type, kv_cache : str
        Types of most weights (those of the experts in a mixture) and of the KV cache.
    basis : str
        What the efficiencies rest on.
    """

    curves: dict[str, Curve]
    links: Links
    step_s: float
    sequence_step_s: float
    host_launch_s: float
    draft_step_s: float
    draft_pass_s: float
    behaviour: Behaviour
    device: str
    engine: str
    data_type: str
    kv_cache: str
    basis: str

    def draft_delay_s(self, passes: Values) -> Values:
        """Give the time that the host adds to each of so many passes of what drafts [s]."""
        return self.draft_pass_s + self.draft_step_s / passes
