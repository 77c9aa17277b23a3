"""What is known of every request while it is served."""

from __future__ import annotations

import math

from llmcalc_core.simulation.arrival_queue import ArrivalQueue
from llmcalc_core.simulation.overheads import NO_OVERHEADS, Overheads
from llmcalc_core.workload.requests import Requests


class Ledger:
    """Lists by request, and times that do not belong to one; what serves them shares them.

    Parameters
    ----------
    requests : Requests
        What is sent.
    block_tokens : int
        Tokens of a block [tokens].
    overheads : Overheads
        What clients wait outside of steps.

    Attributes
    ----------
    inputs, outputs : list of int
        Tokens of prompts and answers [tokens].
    whole_blocks : list of int
        Blocks that each takes in the end [blocks].
    goal : list of int
        Tokens to compute before a next one can be sampled [tokens].
    last_step, offset : list of int
        At which step of its batch it ends, -1 where it does not decode; tokens computed less steps.
    start, first_token, finish : list of float
        When each was first let in, gave its first and its last token; NaN before [s].
    preemptions, cached : dict of int to int
        How often requests lost their blocks [1], and tokens that the cache held at first [tokens].
    last_token : dict of int to float
        When a preempted request got its last token [s].
    late_tokens : list of float
        Times between two tokens with a preemption between [s].
    arrivals : ArrivalQueue
        Requests that are still to be sent.
    """

    def __init__(
        self, requests: Requests, block_tokens: int, overheads: Overheads = NO_OVERHEADS
    ) -> None:
        count = len(requests)
        self.inputs: list[int] = requests.input_tokens.tolist()
        self.outputs: list[int] = requests.output_tokens.tolist()
        whole = -(-(requests.input_tokens + requests.output_tokens) // block_tokens)
        self.whole_blocks: list[int] = whole.tolist()
        self.goal: list[int] = list(self.inputs)
        self.last_step = [-1] * count
        self.offset = [0] * count
        self.start = [math.nan] * count
        self.first_token = [math.nan] * count
        self.finish = [math.nan] * count
        self.preemptions: dict[int, int] = {}
        self.cached: dict[int, int] = {}
        self.last_token: dict[int, float] = {}
        self.late_tokens: list[float] = []
        self.arrivals = ArrivalQueue(requests, self.first_token, self.finish, overheads)
