#!/usr/bin/env bash
# Shows on a machine without a graphics processor that the feature `cuda` compiles, links and starts: llama.cpp's kernels
# for one architecture (CORRAL_CUDA, sm_90 as it comes), and the engine's tests linked with them, which then answers on
# the processor.
#
# The toolkit comes as Python packages, by version and hash (cuda.txt), into .corral/cuda; there is neither a static
# cuBLAS nor a driver among them, so both stay out. Outside of `make test` for its time, an hour of processor time. Not
# here: computing on such a processor, which needs one.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

architecture=${CORRAL_CUDA:-90}
packages=$PWD/.corral/cuda
toolkit=$packages/nvidia/cu13
target=target/cuda

main() {
  [[ $(uname -m) == x86_64 ]] || fail "cuda.txt has the toolkit for x86_64 alone" "add the hashes for this machine"
  cmp -s scripts/cuda.txt "$packages/installed.txt" || install
  step "building llama.cpp with CUDA for sm_$architecture (half an hour)"
  export CUDACXX=$toolkit/bin/nvcc CUDA_PATH=$toolkit CUDAToolkit_ROOT=$toolkit
  export CMAKE_CUDA_ARCHITECTURES=$architecture LD_LIBRARY_PATH=$toolkit/lib LIBRARY_PATH=$toolkit/lib
  export PATH=$toolkit/bin:$PATH
  local features=cuda,llama-cpp-2/cuda-no-vmm,llama-cpp-2/dynamic-link
  local test=(cargo test --release --target-dir $target -p corral-inference --features $features)
  "${test[@]}" --lib
  "${test[@]}" --test engine -- answers::
  kernels
}

install() {
  step "installing the CUDA toolkit into .corral/cuda (600 MB)"
  rm -rf "$packages"
  python3 -m pip install --quiet --disable-pip-version-check --requirement scripts/cuda.txt --require-hashes \
    --no-deps --only-binary :all: --target "$packages" ||
    fail "could not install the CUDA toolkit" "behind a proxy or with an own package index, configure pip for it"
  # Compilers and CMake look for libraries without a version, and for 64-bit ones where a toolkit has them.
  local library
  for library in cudart cublas cublasLt; do
    (cd "$toolkit/lib" && ln -sf "$(ls lib$library.so.*)" lib$library.so)
  done
  ln -sfn lib "$toolkit/lib64"
  cp scripts/cuda.txt "$packages/installed.txt"
}

# What was linked holds machine code for the architecture, and not only for another.
kernels() {
  local library count
  library=$(find $target/release/build -name libggml-cuda.so -print -quit)
  [[ $library ]] || fail "no libggml-cuda.so was built" "look at the output above"
  count=$("$toolkit/bin/cuobjdump" --list-elf "$library" | grep -c "sm_$architecture") || count=0
  ((count > 0)) || fail "$library holds nothing for sm_$architecture" "look at the output above"
  step "$library: $count modules for sm_$architecture"
}

main
