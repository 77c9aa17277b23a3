#!/usr/bin/env bash
# Locust gathers times to the first token and between tokens, each under a name of its own.
# Guess: percentiles are times that were logged, or lie between two of them, and a target of
#   1,000 ms at the median is met by a server if half of its answers take that long or less.
# locust 2.47.0 keeps a histogram of times rounded to 1 ms, from 100 ms to 10 ms, from 1 s to 100 ms
#   and from 10 s to 1 s (bucket_response_time in locust/stats.py, which one may replace) and takes
#   percentiles from that; mean, minimum and maximum are exact.
# It matters: 1,049 ms passes for 1,000 ms at every percentile, and 51 tokens/s of one user for 50.
#   Times between tokens under half a millisecond become 0. The median of two is the longer one.
# Seen on 2026-11-30 (median, p99, mean, maximum):
#   1001 first tokens after 1049 ms: 1000, 1000, 1049.0, 1049
#   1001 tokens 19.51 ms apart: 20, 20, 19.51, 19.51
#   1001 tokens 0.4 ms apart: 0, 0, 0.4, 0.4
#   first tokens after 1000 and 2000 ms: 2000, 2000, 1500.0, 2000
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet locust==2.47.0
"$folder/env/bin/python" - <<'PYTHON'
import sys

from locust.env import Environment

def collect(times):
    environment = Environment()
    for time in times:
        environment.stats.log_request("METRIC", "latency", time, content_length=0)
    entry = environment.stats.get("latency", "METRIC")
    median, tail = (entry.get_response_time_percentile(part) for part in (0.5, 0.99))
    return median, tail, round(entry.avg_response_time, 2), entry.max_response_time

seen = []
for name, times in (
    ("1001 first tokens after 1049 ms", [1049] * 1001),
    ("1001 tokens 19.51 ms apart", [19.51] * 1001),
    ("1001 tokens 0.4 ms apart", [0.4] * 1001),
    ("first tokens after 1000 and 2000 ms", [1000, 2000]),
):
    seen.append(collect(times))
    print(f"{name}:", ", ".join(map(str, seen[-1])))
if seen != [
    (1000, 1000, 1049, 1049), (20, 20, 19.51, 19.51), (0, 0, 0.4, 0.4), (2000, 2000, 1500, 2000),
]:
    sys.exit("CHANGED: percentiles are rounded in another way")
print("AS DESCRIBED: percentiles are of times with one or two digits; mean and maximum are not")
PYTHON
