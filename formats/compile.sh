#!/bin/sh
# Compiles the formats beside this script into savevm_inspect/_ksy/compiled/, or into the directory given; without one
# it also bundles them for the web IDE and for `savevm-inspect schema to-ksy`.
# Needs Node.js; installs the pinned compiler into node_modules/ beside this script if it is not there.
set -eu
formats=$(cd "$(dirname "$0")" && pwd)
output=${1:-$formats/../savevm_inspect/_ksy/compiled}
[ -d "$formats/node_modules/kaitai-struct-compiler" ] || npm ci --prefix "$formats" --silent
mkdir -p "$output"
node "$formats/compile.mjs" "$output"
[ $# -gt 0 ] || node "$formats/bundle.mjs"
