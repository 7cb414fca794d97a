#!/usr/bin/env bash
# Tests the offload to a graphics processor on a machine that has none: Mesa's software Vulkan plays one.
#
# Installs Mesa's driver and the shader compiler, fetches newer Vulkan headers than Debian 12 has (they stay in .corral),
# builds llama.cpp with its Vulkan back end into target/vulkan (some twelve minutes of processor time), and runs the
# tests of tests/gpu.rs. Outside of `make test` for the time it takes.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh
# shellcheck source=scripts/debian.sh
. scripts/debian.sh

# ggml-vulkan needs vulkan.hpp of 1.3.275 or later; Debian 12 has 1.3.239.
suite=trixie
work=$PWD/.corral/vulkan
headers=$work/root/usr/include

main() {
  have apt-get || fail "this test installs Debian's packages" "run it on Debian 12 or later"
  packages
  newer_headers
  step "building llama.cpp with Vulkan, and testing it"
  # Mesa's software driver is device 0, and llama.cpp passes over processors unless they are named. Named twice it is
  # two devices, over which a model can be spread.
  GGML_VK_VISIBLE_DEVICES=0,0 CPLUS_INCLUDE_PATH=$headers \
    cargo test --release --target-dir target/vulkan -p corral-inference --features vulkan --test gpu -- --test-threads 1
}

packages() {
  local missing=() package
  for package in glslc spirv-headers mesa-vulkan-drivers libvulkan-dev; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  step "installing ${missing[*]} (a minute)"
  debian_packages "${missing[@]}"
}

newer_headers() {
  if [[ -f $headers/vulkan/vulkan.hpp ]]; then return; fi
  step "fetching the Vulkan headers of Debian's $suite"
  list_suite "$suite" || fail "the packages of Debian's $suite cannot be listed"
  unpack libvulkan-dev
  [[ -f $headers/vulkan/vulkan.hpp ]] || fail "Debian's $suite has no vulkan.hpp in libvulkan-dev now"
}

main
