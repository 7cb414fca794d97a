# Packages of another Debian suite than the machine's, fetched and unpacked without being installed. Sourced, not run;
# needs say.sh, and the folder `work`.
# shellcheck shell=bash

# list_suite SUITE: a list of its own, so that the machine's is left alone; the mirror is the one that the machine uses.
list_suite() {
  local mirror
  mkdir -p "$work"/lists/partial "$work"/cache/archives/partial
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -E '^(deb |URIs:)' | grep -oE '[a-z]+://[^ ]+/debian/?( |$)' | head -n 1) || true
  [[ -n $mirror ]] || return 1
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

# unpack PACKAGE…: downloads from the listed suite and leaves them unpacked in $work/root.
unpack() {
  (cd "$work" && rm -f ./*.deb && apt_private apt-get -qq download "$@")
  local package
  for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
}
