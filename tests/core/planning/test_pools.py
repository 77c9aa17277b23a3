"""Separate pools: how many workers, what is sent, and what a request meets, by hand."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmcalc_core import (
    DoesNotFitError,
    Hardware,
    Precision,
    Techniques,
    find_hardware,
    find_model,
    parse_precision,
)
from llmcalc_core.architecture.model import architecture
from llmcalc_core.costmodel.efficiency import efficiency_for
from llmcalc_core.costmodel.phases import phase_times
from llmcalc_core.formulas.pools import matched_workers
from llmcalc_core.memory.device_memory import device_memory
from llmcalc_core.planning.pool_pairs import DeviceBudget, Pairs, matched_pairs
from llmcalc_core.planning.pools import (
    LOADS,
    Pool,
    Service,
    decode_pool,
    prefill_pool,
    worker_sizes,
)
from llmcalc_core.workload.layout import Layout

H100 = find_hardware("H100_80GB")


def service(name: str = "llama3_70b", prompt: int = 4000, answer: int = 250) -> Service:
    return Service(
        model=architecture(find_model(name)),
        precision=parse_precision("fp8"),
        engine="vllm",
        input_tokens=prompt,
        output_tokens=answer,
        batches=(1, 8, 64),
        contexts=(1,),
        memory_fraction=0.9,
        techniques=Techniques(),
    )


SIZES, RATES = st.sampled_from([1, 2, 3, 4, 8, 16]), st.floats(0.01, 100)
LIMITS = st.none() | st.integers(0, 12)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 96), st.tuples(SIZES, SIZES), st.tuples(RATES, RATES), st.tuples(LIMITS, LIMITS)
)
def test_no_other_numbers_of_workers_serve_more(
    devices: int,
    sizes: tuple[int, int],
    rates: tuple[float, float],
    most: tuple[int | None, int | None],
) -> None:
    (reading, writing), (prefill, decode) = sizes, rates
    limits = [np.inf if one is None else one for one in most]
    found = matched_workers(
        devices=devices, prefill_devices=reading, decode_devices=writing, prefill_rate=prefill,
        decode_rate=decode, most_prefill=limits[0], most_decode=limits[1],
    )  # fmt: skip
    readers, writers = (float(count.item()) for count in found)
    counts = np.arange(min(devices // reading, limits[0]) + 1)
    left = np.minimum((devices - counts * reading) // writing, limits[1])
    best = np.minimum(counts * prefill, left * decode).max()
    assert min(readers * prefill, writers * decode) == pytest.approx(best, rel=1e-9)
    assert readers * reading + writers * writing <= devices
    assert readers <= limits[0]
    assert writers <= limits[1]
    # None of them is idle: with one less, fewer requests would be served.
    if best > 0:
        assert (readers - 1) * prefill < best * (1 + 1e-9) >= (writers - 1) * decode


# (devices, of a worker each, rates, best): by trying each number of prefill workers by hand
FEW = [
    (10, (4, 4), (1.0, 1.0), [1, 1]),  # two of one leave none for the other
    (9, (4, 4), (1.0, 1.0), [1, 1]),
    (3, (1, 1), (1.0, 1.05), [2, 1]),  # 1.05 a second, else 1
    (3, (1, 1), (1.05, 1.0), [1, 2]),
    (3, (2, 2), (1.0, 1.0), [0, 0]),
]


@pytest.mark.parametrize(("devices", "sizes", "rates", "best"), FEW)
def test_workers_of_few_devices(
    devices: int, sizes: tuple[int, int], rates: tuple[float, float], best: list[int]
) -> None:
    found = matched_workers(
        devices=devices, prefill_devices=sizes[0], decode_devices=sizes[1],
        prefill_rate=rates[0], decode_rate=rates[1],
    )  # fmt: skip
    assert [int(count) for count in found] == best


def test_sizes_of_workers() -> None:
    assert worker_sizes((6, 10)) == (1, 2, 3, 4, 5, 6, 8, 10)
    assert worker_sizes((72,)) == (1, 2, 3, 4, 6, 8, 9, 12, 16, 18, 24, 32, 36, 64, 72)


def test_two_caches_fill_what_tensorrt_llm_gives_them() -> None:
    # While one prompt is read the cache of the one before is on its way, and both together may
    # take nine tenths of what weights and buffers of one device leave.
    narrow = Precision(weights="fp8", activations="fp8", kv_cache="fp8")
    asked = replace(service("llama3.1_70b"), precision=narrow, engine="trtllm")
    for prompt in range(10_000, 45_000, 500):
        one = replace(asked, input_tokens=prompt)
        memory = device_memory(one.model, narrow, one.grid(H100, (Layout(),), (1,), outputs=1))
        free = H100.visible_bytes - (memory.total - memory.kv_cache).item()
        enough = 2 * memory.kv_cache.item() <= 0.9 * free
        with nullcontext() if enough else pytest.raises(DoesNotFitError):
            prefill_pool(one, H100, (1,))


def test_prefill_workers_are_those_of_single_estimates() -> None:
    asked = service()
    pool = prefill_pool(asked, H100, (4,))
    efficiency = efficiency_for(H100, asked.precision)
    assert set(pool.devices) == {4}
    assert set(pool.load) <= set(LOADS)
    # Two prompts of 4,000 tokens fit a step of 8,192; of four stages each has a quarter at a time.
    assert set(pool.requests) <= {1, 2}
    for row, at in enumerate(pool.layout):
        layout, count = pool.layouts[at], int(pool.requests[row])
        grid = asked.grid(H100, (layout,), (count,), outputs=1)
        if layout.pp == 1:
            times = phase_times(asked.model, H100, asked.precision, grid, efficiency, decode=False)
            assert pool.seconds[row] == pytest.approx(times.latency_s.item(), rel=1e-12)
            busy = times.period_s.item()
            assert pool.rate[row] == pytest.approx(pool.load[row] * count / busy, rel=1e-12)
            memory = device_memory(asked.model, asked.precision, grid)
            held = memory.total.item() + memory.kv_cache.item()  # read, and on its way
            assert pool.memory[row] == pytest.approx(held, rel=1e-12)


def test_decode_workers_are_those_of_single_estimates() -> None:
    asked = service()
    pool = decode_pool(asked, H100, (1, 2, 8))
    efficiency = efficiency_for(H100, asked.precision)
    assert set(pool.devices) == {1, 2, 8}
    for row, at in enumerate(pool.layout):
        layout, batch = pool.layouts[at], int(pool.requests[row])
        grid = asked.grid(H100, (layout,), (batch,))
        times = phase_times(asked.model, H100, asked.precision, grid, efficiency, decode=True)
        tpot = times.latency_s.item()
        assert pool.seconds[row] == pytest.approx(tpot, rel=1e-12)
        assert pool.rate[row] == pytest.approx(batch / (250 * tpot), rel=1e-12)


def test_workers_that_others_of_their_size_beat_are_left_out() -> None:
    pool = decode_pool(service(), H100, (2, 4, 8))
    for size in (2, 4, 8):
        rows = np.flatnonzero(pool.devices == size)
        by_time = rows[np.argsort(pool.seconds[rows])]
        assert (np.diff(pool.rate[by_time]) > 0).all()


def one_worker(hardware: Hardware, layout: Layout, seconds: float, rate: float) -> Pool:
    one = np.ones(1)
    return Pool(
        hardware=hardware, layouts=(layout,), layout=np.zeros(1, dtype=np.intp),
        devices=one * layout.devices, cache_devices=one * layout.tp * layout.pp, requests=one,
        seconds=one * seconds, period=one / rate, rate=one * rate, load=one, share=one, memory=one,
    )  # fmt: skip


def paired(
    name: str, prefill: Layout, decode: Layout, budget: DeviceBudget, hardware: Hardware = H100
) -> Pairs:
    # A prompt takes 0.4 s, two can be read in a second, five answered by a worker.
    return matched_pairs(
        service(name),
        one_worker(hardware, prefill, 0.4, 2.0),
        one_worker(hardware, decode, 0.02, 5.0),
        budget,
    )


# Bytes of a prompt of 4,000 tokens in FP8: Llama 3 70B has 80 layers of 8 KV heads with keys and
# values of 128, DeepSeek-V3 61 of 576 elements, which every device of a worker needs.
LLAMA, DEEPSEEK = 4000 * 80 * 8 * 2 * 128, 4000 * 61 * 576
# (model, prefill, decode, bytes sent of a request, bytes of the busiest device)
SENT = [
    ("llama3_70b", Layout(tp=4), Layout(tp=4), LLAMA, LLAMA / 4),
    ("llama3_70b", Layout(tp=2), Layout(tp=8), LLAMA, LLAMA / 2),  # two send it all
    ("llama3_70b", Layout(tp=8), Layout(tp=2), LLAMA, LLAMA / 2),  # two receive it all
    ("llama3_70b", Layout(tp=8), Layout(tp=16), 2 * LLAMA, LLAMA / 4),  # each head to two devices
    ("llama3_70b", Layout(tp=2, pp=2), Layout(tp=2, pp=4), LLAMA, LLAMA / 4),
    ("deepseek_v3", Layout(tp=8), Layout(tp=8), 8 * DEEPSEEK, DEEPSEEK),
    ("deepseek_v3", Layout(tp=4, pp=2), Layout(attention_dp=8, ep=8), DEEPSEEK, DEEPSEEK),
]


@pytest.mark.parametrize("case", SENT, ids=[f"{row[0]} {row[1]} {row[2]}" for row in SENT])
def test_the_cache_of_a_request_is_sent(case: tuple[str, Layout, Layout, float, float]) -> None:
    name, prefill, decode, total, busiest = case
    found = paired(name, prefill, decode, DeviceBudget(devices=64))
    assert found.transfer_bytes.item() == total
    # 25 us, and 0.8 of the network's 50 GB/s for each device (efficiency.toml).
    assert H100.node_link_bandwidth == 50e9
    assert found.transfer_s.item() == pytest.approx(25e-6 + busiest / 40e9, rel=1e-12)


def test_links_between_the_pools() -> None:
    layouts = (Layout(tp=2), Layout(tp=2))
    given = paired("llama3_70b", *layouts, DeviceBudget(devices=64, link_bandwidth=1e9))
    assert given.transfer_s.item() == pytest.approx(25e-6 + LLAMA / 2 / 1e9)
    # A node that holds both pools hands over at 0.8 of half of 900 GB/s, after 10 us.
    inside = paired("llama3_70b", *layouts, DeviceBudget(devices=8))
    assert inside.transfer_s.item() == pytest.approx(10e-6 + LLAMA / 2 / (0.8 * 450e9))


@pytest.mark.parametrize("slow", ["prefill", "decode"])
def test_the_later_of_two_networks_counts(slow: str) -> None:
    pools = dict.fromkeys(("prefill", "decode"), H100)
    pools[slow] = H100.cluster(4, node_link_latency_s=300e-6)
    found = matched_pairs(
        service(),
        one_worker(pools["prefill"], Layout(tp=2), 0.4, 2.0),
        one_worker(pools["decode"], Layout(tp=2), 0.02, 5.0),
        DeviceBudget(devices=32),
    )
    assert found.transfer_s.item() == pytest.approx(300e-6 + LLAMA / 2 / 40e9)


def test_a_slow_link_limits_the_rate() -> None:
    # 20 MB/s for each of two devices: 0.061 requests per second and worker of either pool.
    found = paired(
        "llama3_70b", Layout(tp=2), Layout(tp=2), DeviceBudget(devices=8, link_bandwidth=2e7)
    )
    assert found.requests_per_s.item() == pytest.approx(2 * 2 * 2e7 / LLAMA)


def test_what_a_request_meets() -> None:
    # Of 16 devices: five workers of two read 10 requests per second, two of two answer them (12 of
    # 14 devices); a sixth would be idle. Loads: 10/10 reading is no queue that ends, so it is the
    # workers' own load that counts: 3 + 1 of 8 devices read 6, answered by 5: 5/6 of the time.
    found = paired("llama3_70b", Layout(tp=2), Layout(tp=2), DeviceBudget(devices=8))
    assert (found.prefill_workers.item(), found.decode_workers.item()) == (3, 1)
    assert found.requests_per_s.item() == 5.0
    assert found.prefill_load.item() == pytest.approx(5 / 6)
    assert found.decode_load.item() == 1.0
    behaviour = efficiency_for(H100, parse_precision("fp8")).behaviour
    own = behaviour.first_token_s + 0.4 + behaviour.first_token_steps * 0.02
    # M/D/1: load / (2 (1 - load)) of the half second that a worker needs for a prompt.
    queue = (5 / 6) / (2 * (1 / 6)) * 0.5
    expected = own + queue + found.transfer_s.item()
    assert found.ttft_s.item() == pytest.approx(expected, rel=1e-12)
    assert found.tpot_s.item() == 0.02


def test_pools_that_the_devices_do_not_hold_are_no_deployment() -> None:
    layouts = (Layout(tp=4), Layout(tp=8))
    assert len(paired("llama3_70b", *layouts, DeviceBudget(devices=11)).prefill) == 0
    assert len(paired("llama3_70b", *layouts, DeviceBudget(devices=12)).prefill) == 1
    assert len(paired("llama3_70b", *layouts, DeviceBudget(devices=64, prefill=3)).prefill) == 0
