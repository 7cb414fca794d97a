#!/usr/bin/env bash
# Sees to it that the pinned Rust, its formatter and its linter are there.
#
# Not here: the target for components (wasm-target.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

pinned=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)

main() {
  have cargo || fail "Rust is missing" "install it: https://rust-lang.org/tools/install"
  if have rustup; then from_rustup; fi
  recent_enough || fail "$(rustc --version) is here, Rust $pinned or later is needed"
  for tool in clippy fmt; do
    cargo "$tool" --version >/dev/null 2>&1 ||
      fail "cargo $tool is missing" "install it: rustup component add clippy rustfmt, or your system's packages for it"
  done
}

from_rustup() {
  if RUSTUP_AUTO_INSTALL=0 RUST_BACKTRACE=0 rustc --version >/dev/null 2>&1; then return; fi
  step "installing Rust $pinned"
  rustup toolchain install "$pinned" --profile minimal --component clippy,rustfmt ||
    fail "rustup could not install Rust $pinned" \
      "to try another one that is installed: make RUSTUP_TOOLCHAIN=stable run"
}

recent_enough() {
  local here
  here=$(rustc --version | cut -d' ' -f2)
  [[ $(printf '%s\n' "$pinned" "${here%%-*}" | sort -V | head -n 1) == "$pinned" ]]
}

main
