#!/usr/bin/env bash
# A notebook shows widgets that hold NaN and infinity; nbclient runs it and keeps their state.
# Guess: JSON has neither, so that they arrive as null, or an error tells of them; and whether the
#   package orjson is there changes speed, not values.
# jupyter_client 8.10.0 puts messages into JSON by the standard library, and one that this refuses
#   through json_clean (json_packer in session.py; jsonutil.py), which makes of NaN and
#   infinity the words that Python prints for them. If orjson 3.12.0 can be imported, it is used
#   instead (Session.packer, by default), and they become null.
# It matters: a front end gets "nan", a text, among numbers, from a kernel without orjson, and null
#   from one with it: `value > 0` is false for both, but null < 1 is true, and "nan" + 1 is a text.
#   vLLM is one of those that bring orjson along. Arrays sent as bytes are not touched.
# Seen on 2026-11-30 (values of two FloatText and a FloatsInput, as Python reads the state):
#   without orjson: ['nan', 'inf', [1.5, 'nan']]
#   with orjson: [None, None, [1.5, None]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export HOME="$folder" IPYTHONDIR="$folder/ipython" PYTHONWARNINGS=ignore
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet jupyter_client==8.10.0 nbclient==0.11.0 ipykernel==7.4.0 \
    ipywidgets==8.1.9
cat >"$folder/run.py" <<'PYTHON'
import importlib.util
import json
import sys

import nbformat
from nbclient import NotebookClient

wanted = {False: ["nan", "inf", [1.5, "nan"]], True: [None, None, [1.5, None]]}
source = """
from ipywidgets import FloatsInput, FloatText
FloatText(float("nan")), FloatText(float("inf")), FloatsInput(value=[1.5, float("nan")])
"""
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
NotebookClient(notebook, kernel_name="python3").execute()
saved = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
seen = [model["state"]["value"] for model in saved.values() if "value" in model["state"]]
installed = importlib.util.find_spec("orjson") is not None
print("with orjson:" if installed else "without orjson:", seen)
if seen != wanted[installed]:
    sys.exit("CHANGED: what is not a number arrives as something else")
PYTHON
"$folder/env/bin/python" "$folder/run.py"
"$folder/env/bin/pip" install --quiet orjson==3.12.0
"$folder/env/bin/python" "$folder/run.py"
echo "AS DESCRIBED: text without orjson, null with it"
