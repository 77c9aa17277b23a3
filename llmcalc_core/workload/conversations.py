"""Conversations of several turns that share a system prompt."""

from __future__ import annotations

import math

import numpy as np

from llmcalc_core.checks import whole_number
from llmcalc_core.workload.lengths import Lengths, check_lengths
from llmcalc_core.workload.requests import Requests, arrival_times


def draw_conversations(
    count: int,
    *,
    sessions: int,
    system_prompt_tokens: int,
    question_lengths: Lengths,
    output_lengths: Lengths,
    max_context_tokens: int,
    rate: float,
    burstiness: float = math.inf,
    seed: int = 0,
) -> Requests:
    """Draw the turns of users who talk to the server one after the other, round and round.

    Each prompt is the one before in the session, the answer to it, and a question. A turn is sent
    when it is due and the answer before it is there. A session starts a new conversation where the
    next turn would be longer than the model's context (multi-turn chat of ``inference-perf``:
    ``shared_prefix`` with ``enable_multi_turn_chat``).

    Parameters
    ----------
    count : int
        Turns in all [1].
    sessions : int
        Users [1].
    system_prompt_tokens : int
        Tokens that all conversations begin with; 0 for none [tokens].
    question_lengths, output_lengths : Lengths
        Tokens of questions and answers.
    max_context_tokens : int
        Most tokens of a turn, answer included [tokens].
    rate, burstiness : float
        When turns are due, see :func:`llmcalc_core.workload.requests.arrival_times`; evenly unless
        told otherwise.
    seed : int, default 0
        Of all draws: the same gives the same turns.

    Returns
    -------
    Requests
        The turns.

    Raises
    ------
    ValueError
        For a value out of range, or if even a first turn is longer than the context.

    Examples
    --------
    >>> from llmcalc_core.workload.lengths import FixedLengths
    >>> draw_conversations(
    ...     5, sessions=2, system_prompt_tokens=100, question_lengths=FixedLengths(tokens=10),
    ...     output_lengths=FixedLengths(tokens=5), max_context_tokens=130, rate=1,
    ... ).input_tokens.tolist()
    [110, 110, 125, 125, 110]
    """
    times = arrival_times(count, rate=rate, burstiness=burstiness, seed=seed)
    sessions = whole_number("sessions", sessions)
    system = whole_number("system_prompt_tokens", system_prompt_tokens, least=0)
    most = whole_number("max_context_tokens", max_context_tokens)
    for name, lengths in (("question", question_lengths), ("output", output_lengths)):
        check_lengths(f"{name}_lengths", lengths)
    for_questions, for_answers = np.random.default_rng(seed).spawn(2)
    questions = question_lengths.draw(for_questions, times.size)
    answers = output_lengths.draw(for_answers, times.size)
    longest = system + int((questions + answers).max())
    if longest > most:
        msg = (
            "max_context_tokens must hold the system prompt, a question and an answer, got "
            f"{max_context_tokens}; the least valid value for these lengths is {longest}"
        )
        raise ValueError(msg)
    inputs, conversation = _turns(questions.tolist(), answers.tolist(), sessions, system, most)
    turn = np.arange(times.size)
    return Requests(
        arrival_s=times,
        input_tokens=np.array(inputs),
        output_tokens=answers,
        prefix=np.full(times.size, 0 if system else -1),
        prefix_tokens=np.full(times.size, system),
        conversation=np.array(conversation),
        after=np.maximum(turn - sessions, -1),
    )


def _turns(
    questions: list[int], answers: list[int], sessions: int, system: int, most: int
) -> tuple[list[int], list[int]]:
    """Give for each turn its prompt's tokens and the number of its conversation."""
    before = [system] * sessions
    current = list(range(sessions))
    inputs, conversation = [], []
    newest = sessions - 1
    for turn, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        session = turn % sessions
        if before[session] + question + answer > most:
            before[session] = system
            newest += 1
            current[session] = newest
        inputs.append(before[session] + question)
        conversation.append(current[session])
        before[session] += question + answer
    return inputs, conversation
