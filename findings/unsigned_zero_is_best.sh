#!/usr/bin/env bash
# Which of four plans are best: most users, at the lowest cost?
# Guess: the data type of a column of numbers does not matter: not the plan that serves nobody.
# paretoset 1.2.5 minimises everything and turns a column to be maximised round by a minus sign
#   (paretoset in paretoset/user_interface.py), in the type that the column has. In an unsigned one
#   (as counts may have from numpy, from parquet, or after downcast="unsigned") -5 is 2**32 - 5 and
#   -0 is 0: other numbers keep their order, and zero, the worst, comes before them all.
# It matters: a plan with 0 users, 0 free devices or 0 hits throws every other one off the front.
#   In a frame one column of floats hides it, as all columns become floats; not with a column
#   compared by "diff", as columns are then turned round one by one.
# Seen on 2026-11-30 (users 0, 3, 5, 9 at cost 7, 7, 7, 9; users of the plans kept):
#   int64 array: [5, 9]
#   uint32 array: [0]
#   uint32 array without numba: [0]
#   frame of uint32: [0]
#   frame with float cost: [5, 9]
#   frame with float cost, by model: [0]
#   paretorank of the uint32 array: [1, 3, 2, 2]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export NUMBA_CACHE_DIR="$folder/numba"
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet paretoset==1.2.5 numba==0.68.1 numpy==2.4.6 pandas==3.1.1
"$folder/env/bin/python" - <<'PYTHON'
import sys

import numpy as np
import pandas as pd
from paretoset import paretorank, paretoset

users, sense = [0, 3, 5, 9], ["max", "min"]
table = np.array([users, [7, 7, 7, 9]]).T
counts = table.astype(np.uint32)
frame = pd.DataFrame(counts, columns=["users", "cost"])
dear = frame.astype({"cost": float})
kept = {
    "int64 array": paretoset(table, sense),
    "uint32 array": paretoset(counts, sense),
    "uint32 array without numba": paretoset(counts, sense, use_numba=False),
    "frame of uint32": paretoset(frame, sense),
    "frame with float cost": paretoset(dear, sense),
    "frame with float cost, by model": paretoset(dear.assign(model="8B"), [*sense, "diff"]),
}
users = np.array(users)
seen = {name: users[mask].tolist() for name, mask in kept.items()}
seen["paretorank of the uint32 array"] = paretorank(counts, sense).tolist()
for name, plans in seen.items():
    print(f"{name}: {plans}")
if [*seen.values()] != [[5, 9], [0], [0], [0], [5, 9], [0], [1, 3, 2, 2]]:
    sys.exit("CHANGED: unsigned columns are maximised in another way")
print("AS DESCRIBED: in an unsigned column to be maximised, zero is best")
PYTHON
