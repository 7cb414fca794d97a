#!/usr/bin/env bash
# Installs the Debian packages that the build and the fetching of models need, unless what they give is there.
#
# Elsewhere than on Debian and its kin it says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/say.sh
. scripts/say.sh

main() {
  local missing=()
  have g++ || missing+=(g++)
  have make || missing+=(make)
  have cmake || missing+=(cmake)
  python3 -c 'import pip' 2>/dev/null || missing+=(python3-pip)
  read -ra clang <<<"$(clang_packages)"
  libclang || missing+=("${clang[@]}")
  if ((${#missing[@]})); then install "${missing[@]}"; fi
}

# bindgen reads llama.cpp's headers with the library, which needs its own built-in headers.
libclang() {
  [[ -n ${LIBCLANG_PATH:-} ]] || {
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' && compgen -G '/usr/lib/llvm-*/lib/clang/*/include/stddef.h'
  } || {
    compgen -G '/usr/lib64/libclang*.so*' && compgen -G '/usr/lib/clang/*/include/stddef.h'
  }
} >/dev/null

# The two small ones where their names are known; elsewhere the one that brings everything.
clang_packages() {
  if grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
    echo libclang1-14 libclang-common-14-dev
  else
    echo libclang-dev
  fi
}

install() {
  have apt-get || fail "missing, by Debian's names: $*" "install your system's packages for them"
  step "installing $* (a minute)"
  debian_packages "$@"
}

main
