#!/usr/bin/env bash
# Answers in JSON with "part": {"pattern": "^SKU-"}, once beside a price, once beside a price that
# is a multiple of 0.01.
# Guess: a pattern is searched for, as JSON Schema has it: the model may write SKU-17. What is asked
#   of the price has no say in that.
# vLLM 0.33.0 with the backend "auto", its default, takes xgrammar, and llguidance for schemas that
#   xgrammar can't do (_validate_structured_outputs in vllm/sampling_params.py; a `multipleOf` is in
#   has_xgrammar_unsupported_json_features of vllm/v1/structured_output/backend_xgrammar.py).
#   xgrammar 0.2.8 takes a pattern for the whole string, llguidance 1.7.6 for a part of it.
# It matters: under xgrammar a model can only write "SKU-" and must end there: valid, and no part
#   number. The same schema answers otherwise once a field is added, or another engine serves it.
#   Patterns with ^ and $ and what may lie between mean the same to both.
# Seen on 2026-11-30:
#   price without multipleOf: xgrammar, SKU- allowed, SKU-17 refused
#   price with multipleOf: guidance, SKU- allowed, SKU-17 allowed
#   the same with ^SKU-.*$: xgrammar, SKU- allowed, SKU-17 allowed
#   the same with ^SKU-.*$: guidance, SKU- allowed, SKU-17 allowed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TMPDIR="$folder" XDG_CACHE_HOME="$folder/cache" CUDA_VISIBLE_DEVICES=""
export VLLM_LOGGING_LEVEL=CRITICAL VLLM_NO_USAGE_STATS=1 VLLM_PLUGINS="" LLGUIDANCE_LOG_LEVEL=0
python3.11 -m venv "$folder/env"
cat >"$folder/packages" <<'PACKAGES'
torch==2.13.0
transformers==5.20.2
xgrammar==0.2.8
llguidance==1.7.6
lm-format-enforcer==0.11.3
outlines_core==0.2.14
numpy==2.4.6
pydantic==2.14.4
aiohttp==3.14.5
cachetools==8.0.2
cbor2==6.3.0
cloudpickle==3.1.3
einops==0.8.2
fastapi==0.136.3
msgspec==0.23.0
openai==3.57.0
openai-harmony==0.0.8
partial-json-parser==0.2.1.1.post7
pillow==13.0.0
prometheus_client==0.26.0
psutil==7.2.2
py-cpuinfo==9.0.0
pybase64==1.5.1
pyzmq==27.3.0
requests==2.34.2
uvloop==0.23.0
PACKAGES
"$folder/env/bin/pip" install --quiet --requirement "$folder/packages"
"$folder/env/bin/pip" install --quiet --no-deps vllm==0.33.0
"$folder/env/bin/python" - "$folder" <<'PYTHON'
import json
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, PreTrainedTokenizerFast
from vllm import config as vllm_config
from vllm.sampling_params import SamplingParams, StructuredOutputsParams
from vllm.v1.structured_output.backend_guidance import GuidanceBackend
from vllm.v1.structured_output.backend_types import StructuredOutputOptions
from vllm.v1.structured_output.backend_xgrammar import XgrammarBackend

# A tokenizer with a token for each byte and one for the end.
tokens = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<end>"]
end = len(tokens) - 1
bytewise = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, []))
bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
bytewise.decoder = decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise, eos_token="<end>")

llama = LlamaConfig(architectures=["LlamaForCausalLM"], vocab_size=len(tokens), eos_token_id=end)
llama.save_pretrained(sys.argv[1])
model = vllm_config.ModelConfig(sys.argv[1], skip_tokenizer_init=True, max_model_len=2048)
served = vllm_config.VllmConfig(model, device_config=vllm_config.DeviceConfig("cpu"))

def compile_schema(pattern, price):
    """Return the backend that vLLM chose, by name, and what makes its grammars."""
    fields = {"part": {"type": "string", "pattern": pattern}, "price": {"type": "number"} | price}
    schema = {"type": "object", "properties": fields, "required": ["part", "price"]}
    outputs = StructuredOutputsParams(json=json.dumps(schema))
    params = SamplingParams(structured_outputs=outputs)
    params.verify(model, None, served.structured_outputs_config, tokenizer)
    name = params.structured_outputs._backend
    kind = {"xgrammar": XgrammarBackend, "guidance": GuidanceBackend}[name]
    backend = kind(served, tokenizer=tokenizer, vocab_size=len(tokens))
    return name, lambda: backend.compile_grammar(StructuredOutputOptions.JSON, outputs.json)

def allows(grammar, part):
    answer = json.dumps({"part": part, "price": 2.5})
    ids = tokenizer.encode(answer, add_special_tokens=False)
    return all(grammar.accept_tokens("request", [token]) for token in [*ids, end])

word, seen = {True: "allowed", False: "refused"}, []
for pattern, text in (("^SKU-", None), ("^SKU-.*$", "the same with ^SKU-.*$")):
    for price in ({}, {"multipleOf": 0.01}):
        name, new_grammar = compile_schema(pattern, price)
        short, long = allows(new_grammar(), "SKU-"), allows(new_grammar(), "SKU-17")
        head = text or f"price {'with' if price else 'without'} multipleOf"
        print(f"{head}: {name}, SKU- {word[short]}, SKU-17 {word[long]}")
        seen.append((name, short, long))
if seen != [
    ("xgrammar", True, False),
    ("guidance", True, True),
    ("xgrammar", True, True),
    ("guidance", True, True),
]:
    sys.exit("CHANGED: the backends are chosen otherwise, or agree on what a pattern means")
print("AS DESCRIBED: what is asked of the price decides what the pattern of the part means")
PYTHON
