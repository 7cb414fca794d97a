# How the scripts here speak, ask for root, and fail. Sourced, not run.
# shellcheck shell=bash

# One line for each step that does something.
step() { printf '==> %s\n' "$*"; }

# fail WHAT FIX…: ends the script, saying what is wrong, then what to do about it.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  if (($#)); then printf '       %s\n' "$@" >&2; fi
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif have sudo; then
    sudo --preserve-env=http_proxy,https_proxy,no_proxy "$@"
  else
    fail "this needs root, and there is no sudo" "run as root: $*" "then start again"
  fi
}

# debian_packages NAME…: installs them. Whoever may not is told all of it at once.
debian_packages() {
  [[ $(id -u) == 0 ]] || have sudo || fail "only root can install $*, and there is no sudo" \
    "as root: apt-get update && apt-get install --yes --no-install-recommends $*" "then start again"
  as_root apt-get -qq update
  # Whatever else installs packages now ends first.
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
    install --yes --no-install-recommends "$@" >/dev/null || fail "apt-get could not install $*" "its message is above"
}
