#!/usr/bin/env bash
# wasm-target.sh [TARGET]: makes the Rust compiler able to build for wasm32-wasip2, or the target named, unless it is.
#
# By rustup; where that cannot download, the standard library is built from Debian's sources of the same version
# (package rust-src) against Debian's wasi-libc. Nothing is installed for that: both are unpacked beside the build.
# Not here: which toolchain is used (toolchain.sh, RUSTUP_TOOLCHAIN).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh
# shellcheck source=scripts/debian.sh
. scripts/debian.sh

target=${1:-wasm32-wasip2}
sysroot=$(rustc --print sysroot)
version=$(rustc --version | cut -d' ' -f2)
libraries=$sysroot/lib/rustlib/$target/lib
work=$PWD/.corral/$target

main() {
  if there; then return; fi
  step "adding the target $target to Rust $version"
  if by_rustup; then return; fi
  step "rustup cannot provide it; building it from Debian's sources (half a minute)"
  from_debian
  there || fail "the target $target is still missing from $sysroot"
}

there() { compgen -G "$libraries/libstd[-.]*rlib" >/dev/null; }

by_rustup() {
  have rustup && RUST_BACKTRACE=0 rustup target add "$target" && there
}

from_debian() {
  have apt-get || fail "the target $target is missing" \
    "install it with: rustup target add $target"
  rm -rf "$work"
  unpack_sources
  build_libraries
  place_libraries
  rm -rf "$work"
}

# Leaves rust-src and wasi-libc unpacked in $work/root.
unpack_sources() {
  local suite package
  for suite in trixie-backports testing unstable; do
    list_suite "$suite" || fail "the packages of Debian's $suite cannot be listed" \
      "install the target with: rustup target add $target"
    package=$(apt_private apt-cache madison rust-src |
      awk -v version="$version+" 'index($3, version) == 1 && !found++ { print $3 }')
    [[ -z $package ]] || break
  done
  [[ -n $package ]] || fail "Debian has no sources of Rust $version now" \
    "install the target on a machine that reaches rustup's server: rustup target add $target"
  unpack -t "$suite" "rust-src=$package" wasi-libc
}

build_libraries() {
  local libc
  libc=$(dirname "$(find "$work/root" -path "*/$target/libc.a" -print -quit)")
  (
    cd "$work/root/usr/src/rustc-$version/library/sysroot"
    # What the toolchain's own build sets for this target; unstable features are what a standard library is made of.
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
      CARGO_ENCODED_RUSTFLAGS="$(printf '%s\x1f' -Cembed-bitcode=yes -Zforce-unstable-if-unmarked \
        -Clink-self-contained=no)-Lnative=$libc" \
      cargo build --quiet --locked --release --target "$target"
  )
  mkdir -p "$work/lib/self-contained"
  cp "$work/target/$target/release/deps/"*.rlib "$work/lib"
  cp "$libc"/*.o "$libc"/*.a "$work/lib/self-contained"
}

place_libraries() {
  step "placing it in $libraries"
  local parent
  parent=$(dirname "$libraries")
  as_owner mkdir -p "$parent"
  # Under its own name last, so that a copy that broke off is not taken for the whole.
  as_owner rm -rf "$libraries" "$libraries.part"
  as_owner cp -r "$work/lib" "$libraries.part"
  as_owner mv "$libraries.part" "$libraries"
}

# A toolchain from packages belongs to root.
as_owner() {
  if [[ -w $sysroot/lib/rustlib ]]; then "$@"; else as_root "$@"; fi
}

main
