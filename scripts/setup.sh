#!/usr/bin/env bash
# Brings this machine to where Corral builds and runs: Rust, packages, the Wasm target, the default models, the viewers of the interface.
#
# Each step looks first and says nothing when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/rust.sh
scripts/packages.sh
scripts/wasm-target.sh
scripts/models.sh
scripts/viewers.sh
