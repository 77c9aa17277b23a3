"""Random sets of requests, and the limits of the scheduler that serves each."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import NamedTuple

BLOCK_TOKENS = 16
LONGEST = 3000
"""Most tokens of a prompt that is drawn; turns of a conversation grow beyond [tokens]."""

KINDS = ("plain", "crowded", "prefixes", "crowded prefixes", "conversations")
"""What sets have in turn; crowded ones are made so that requests drive each other out."""


class Limits(NamedTuple):
    """The limits of one set: those of vLLM under its names, its blocks, and the clock.

    Attributes
    ----------
    max_num_batched_tokens, max_num_seqs : int
        Most tokens of a step, and most requests that run.
    blocks, block_tokens : int
        Blocks that requests can use: vLLM's own count less its null block. Tokens of one.
    prefix_caching : bool
        Whether blocks are found again.
    steps_ahead : int
        1 with ``async_scheduling``, else 0.
    stages : int
        Pipeline stages.
    base_s, per_token_s : float
        Time of a step on a stage, and of each of its tokens [s].
    """

    max_num_batched_tokens: int
    max_num_seqs: int
    blocks: int
    block_tokens: int
    prefix_caching: bool
    steps_ahead: int
    stages: int
    base_s: float
    per_token_s: float


class Sent(NamedTuple):
    """One request; turns of a conversation are sent when the turn before has ended.

    Attributes
    ----------
    arrival_s : float
        When it is sent at the earliest [s].
    input_tokens, output_tokens : int
        Tokens of prompt and answer.
    group, shared_tokens : int
        Which beginning it shares, -1 for none, and how long that is.
    conversation, after : int
        Which conversation it is a turn of, and the request before it; -1 for none.
    """

    arrival_s: float
    input_tokens: int
    output_tokens: int
    group: int = -1
    shared_tokens: int = 0
    conversation: int = -1
    after: int = -1


def draw_set(seed: int, index: int) -> tuple[Limits, list[Sent]]:
    """Draw one set: its kind, whether it schedules ahead and its stages follow from its number."""
    draw = random.Random(f"{seed}/{index}")  # noqa: S311 - no secrets
    kind = KINDS[index % len(KINDS)]
    crowded = kind.startswith("crowded")
    count = draw.randint(8 if crowded else 3, 40)
    inputs, outputs = _prompts(draw, count, crowded=crowded), _answers(draw, count, crowded=crowded)
    arrival = _arrivals(draw, count)
    if "prefixes" in kind:
        sent = _share_beginnings(draw, arrival, inputs, outputs)
    elif kind == "conversations":
        sent = _converse(draw, arrival, inputs, outputs)
    else:
        sent = [Sent(*one) for one in zip(arrival, inputs, outputs, strict=True)]
    needs = [-(-(one.input_tokens + one.output_tokens) // BLOCK_TOKENS) for one in sent]
    places = draw.choice([4, 8, 32, 128] if crowded else [1, 2, 4, 8, 32, 128])
    # vLLM refuses fewer tokens of a step than places.
    budget = draw.choice([most for most in (64, 256, 512, 2048, 8192) if most >= places])
    return Limits(
        max_num_batched_tokens=budget,
        max_num_seqs=places,
        blocks=_blocks(draw, needs, crowded=crowded),
        block_tokens=BLOCK_TOKENS,
        prefix_caching=kind not in {"plain", "crowded"},
        steps_ahead=index // len(KINDS) % 2,
        stages=(1, 1, 2, 4)[index // (2 * len(KINDS)) % 4],
        base_s=draw.choice([0.005, 0.010, 0.030]),
        per_token_s=draw.choice([1e-5, 3e-5, 1e-4]),
    ), sent


def _prompts(draw: random.Random, count: int, *, crowded: bool) -> list[int]:
    """Draw lengths of prompts in one of several manners."""
    manners: dict[str, Callable[[], int]] = {
        "short": lambda: draw.randint(1, 120),
        "log": lambda: round(LONGEST ** draw.random()),
        "blocks": lambda: max(1, BLOCK_TOKENS * draw.randint(1, 60) + draw.choice([-1, 0, 0, 1])),
        "mixed": lambda: (
            draw.randint(1500, LONGEST) if draw.random() < 0.2 else draw.randint(1, 200)
        ),
    }
    if not crowded:
        equal = draw.choice([1, 16, 17, 100, 512, 1000, LONGEST])
        manners |= {"any": lambda: draw.randint(1, LONGEST), "equal": lambda: equal}
    one = manners[draw.choice(list(manners))]
    return [one() for _ in range(count)]


def _answers(draw: random.Random, count: int, *, crowded: bool) -> list[int]:
    """Draw lengths of answers in one of several manners."""
    manners: dict[str, Callable[[], int]] = {
        "any": lambda: draw.randint(1, 200),
        "long": lambda: draw.randint(100, 200),
    }
    if not crowded:
        equal = draw.choice([1, 2, 16, 50, 128, 200])
        manners |= {"log": lambda: round(200 ** draw.random()), "equal": lambda: equal}
    one = manners[draw.choice(list(manners))]
    return [one() for _ in range(count)]


def _arrivals(draw: random.Random, count: int) -> list[float]:
    """Draw times: all at 0, one by one, or in bursts; nine digits keep them off ends of steps."""
    manner = draw.choice(["zero", "zero", "spread", "spread", "bursts"])
    gap = draw.choice([0.002, 0.02, 0.1, 0.5, 2.0])
    now, times = 0.0, []
    for index in range(count):
        if index and (manner == "spread" or (manner == "bursts" and draw.random() < 0.3)):
            now += draw.expovariate(1 / gap)
        times.append(round(now, 9))
    return times


def _share_beginnings(
    draw: random.Random, arrival: list[float], inputs: list[int], outputs: list[int]
) -> list[Sent]:
    """Give four of five prompts one of a few beginnings."""
    lengths = [
        draw.choice(
            [BLOCK_TOKENS * draw.randint(1, 40), draw.randint(1, 700), draw.choice([15, 16, 17])]
        )
        for _ in range(draw.randint(1, 4))
    ]
    sent = []
    for came, tokens, answer in zip(arrival, inputs, outputs, strict=True):
        if draw.random() < 0.2:
            sent.append(Sent(came, tokens, answer))
            continue
        group = draw.randrange(len(lengths))
        own = draw.choice([0, 1, BLOCK_TOKENS, draw.randint(1, 40), tokens, tokens])
        sent.append(Sent(came, min(LONGEST, lengths[group] + own), answer, group, lengths[group]))
    return sent


def _converse(
    draw: random.Random, arrival: list[float], inputs: list[int], outputs: list[int]
) -> list[Sent]:
    """Deal requests to a few users, each of whose prompts begins with all that went before."""
    last: dict[int, int] = {}
    sent: list[Sent] = []
    users = draw.randint(1, 6)
    for index, (came, own, answer) in enumerate(zip(arrival, inputs, outputs, strict=True)):
        user = draw.randrange(users)
        after = last.get(user, -1)
        said = sent[after].input_tokens + sent[after].output_tokens if after >= 0 else 0
        tokens = said + min(own, 200) if said else own
        last[user] = index
        sent.append(Sent(came, tokens, answer, conversation=user, after=after))
    return sent


def _blocks(draw: random.Random, needs: list[int], *, crowded: bool) -> int:
    """Draw the blocks of the cache, at least as many as the longest request takes."""
    largest, total = max(needs), sum(needs)
    if crowded:
        return round(largest * draw.uniform(1, 3))
    return draw.choice(
        [
            total + 10,
            round(largest + (total - largest) * draw.random()),
            round(largest * draw.uniform(1, 3)),
            round(largest * draw.uniform(1, 1.5)),
            largest,
        ]
    )
