#!/bin/sh
# Draws the formats beside this script into docs/formats/: as the compiler lays them out (.dot), and as pictures (.svg).
# Needs Node.js, as compile.sh does, and Graphviz.
set -eu
formats=$(cd "$(dirname "$0")" && pwd)
drawings=$formats/../docs/formats
[ -d "$formats/node_modules/kaitai-struct-compiler" ] || npm ci --prefix "$formats" --silent
mkdir -p "$drawings"
rm -f "$drawings"/*.dot "$drawings"/*.svg
node "$formats/compile.mjs" "$drawings" graphviz
node "$formats/compile.mjs" "$drawings" graphviz plain
for drawing in "$drawings"/*.dot; do dot -Tsvg "$drawing" -o "${drawing%.dot}.svg"; done
