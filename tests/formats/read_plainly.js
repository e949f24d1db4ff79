// Reads files with what the formats compile to in JavaScript, with Kaitai's run time and nothing else.
//
// Usage: NODE_PATH=formats/node_modules node read_plainly.js COMPILED_DIRECTORY < JOBS
//
// JOBS is a JSON list of {format, path, args, leaves}: the class, a file, what the class is given, and what is asked
// of the tree, a JavaScript expression. The answers are printed as a JSON list; bytes are in hex.

const fs = require("node:fs");
const path = require("node:path");
const KaitaiStream = require("kaitai-struct/KaitaiStream");

const plain = (_key, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value);

function read({ format, path: file, args, leaves }) {
  const { [format]: Format } = require(path.join(path.resolve(process.argv[2]), `${format}.js`));
  const bytes = new Uint8Array(fs.readFileSync(file));
  const tree = new Format(new KaitaiStream(bytes.buffer), null, null, ...args);
  return new Function("tree", `return ${leaves}`)(tree);
}

console.log(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(read), plain));
