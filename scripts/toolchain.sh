#!/usr/bin/env bash
# Names the Rust toolchain that make exports as RUSTUP_TOOLCHAIN; prints nothing where rustup decides by itself.
#
# rust-toolchain.toml pins a version by its number. Where rustup has the same version under another name only ("stable")
# and may not be able to download, that one is used.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

if [[ -n ${RUSTUP_TOOLCHAIN:-} ]] || ! have rustup; then exit; fi
pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
# Out of reach of that file, or rustup would install what it names before it answers.
cd /
if rustup toolchain list | grep "^$pinned-" >/dev/null; then exit; fi
default=$(rustup default 2>/dev/null | cut -d' ' -f1) || true
if [[ -n $default && $(RUSTUP_TOOLCHAIN=$default rustc --version) == "rustc $pinned "* ]]; then echo "$default"; fi
