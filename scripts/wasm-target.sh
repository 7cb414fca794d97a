#!/usr/bin/env bash
# Makes the Rust compiler able to build for wasm32-wasip2, unless it is.
#
# By rustup; where that cannot download, the standard library is built from Debian's sources of the same version
# (package rust-src) against Debian's wasi-libc. Nothing is installed for that: both are unpacked beside the build.
# Not here: which toolchain is used (toolchain.sh, RUSTUP_TOOLCHAIN).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

target=wasm32-wasip2
sysroot=$(rustc --print sysroot)
version=$(rustc --version | cut -d' ' -f2)
libraries=$sysroot/lib/rustlib/$target/lib
work=$PWD/.corral/wasm-target

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
  mkdir -p "$work"/lists/partial "$work"/cache/archives/partial
  unpack_sources
  build_libraries
  place_libraries
  rm -rf "$work"
}

# Leaves rust-src and wasi-libc unpacked in $work/root.
unpack_sources() {
  local suite package
  for suite in trixie-backports testing unstable; do
    list_suite "$suite"
    package=$(apt_private apt-cache madison rust-src |
      awk -v version="$version+" 'index($3, version) == 1 && !found++ { print $3 }')
    [[ -z $package ]] || break
  done
  [[ -n $package ]] || fail "Debian has no sources of Rust $version now" \
    "install the target on a machine that reaches rustup's server: rustup target add $target"
  (cd "$work" && apt_private apt-get -qq -t "$suite" download "rust-src=$package" wasi-libc)
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
}

# A list of its own, so that the machine's is left alone; the mirror is the one that the machine uses.
list_suite() {
  local mirror
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -E '^(deb |URIs:)' | grep -oE '[a-z]+://[^ ]+/debian/?( |$)' | head -n 1) || true
  [[ -n $mirror ]] || fail "no Debian mirror among the sources of this machine" \
    "install the target with: rustup target add $target"
  cat >"$work/list.sources" <<END
Types: deb
URIs: $mirror
Suites: $1
Components: main
Targets: Packages
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
  apt_private apt-get -qq update
}

# apt_private COMMAND…: apt-get or apt-cache on the list of its own. No root is needed.
apt_private() {
  local command=$1
  shift
  "$command" -o Dir::Etc::sourcelist="$work/list.sources" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}

build_libraries() {
  local libc
  libc=$(dirname "$(find "$work/root" -path "*/$target/libc.a" -print -quit)")
  (
    cd "$work/root/usr/src/rustc-$version/library/sysroot"
    # What the toolchain's own build sets for this target; unstable features are what a standard library is made of.
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
      RUSTFLAGS="-Cembed-bitcode=yes -Zforce-unstable-if-unmarked -Clink-self-contained=no -Lnative=$libc" \
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
  as_owner rm -rf "$libraries"
  as_owner cp -r "$work/lib" "$parent"
}

# A toolchain from packages belongs to root.
as_owner() {
  if [[ -w $sysroot/lib/rustlib ]]; then "$@"; else as_root "$@"; fi
}

main
