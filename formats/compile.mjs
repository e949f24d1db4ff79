// Compiles every .ksy beside this file, or of a folder beside it.
//
// Usage: node compile.mjs OUTPUT_DIRECTORY [TARGET [FOLDER]]
//
// TARGET is one of the compiler's: python if it is not given, javascript, graphviz, and so on. FOLDER can be plain.
//
// For Python, the compiler's JavaScript interface has no option for a Python package, so the imports between the compiled
// modules are made relative here, and those of types written by hand lead to their modules. The mark that hides a
// module from type checkers is taken out, since it hides the classes as well.
//
// Drawings (graphviz) lose the lines from a field to the expressions that use it: they hide what consists of what.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import yaml from "js-yaml";
import compiler from "kaitai-struct-compiler";

const [output, target = "python", folder = "."] = process.argv.slice(2);
const formats = join(dirname(fileURLToPath(import.meta.url)), folder);
if (output === undefined) {
  console.error("usage: node compile.mjs OUTPUT_DIRECTORY [TARGET [FOLDER]]");
  process.exit(2);
}

const load = (name) => yaml.load(readFileSync(join(formats, `${name}.ksy`), "utf8"));
const importer = { importYaml: async (name) => load(name) };
const writtenByHand = { qemu_migration_device_payload: "device_payload", qemu_migration_extent: "extent" };
const imported = (line, name) =>
  name in writtenByHand ? `from .. import ${writtenByHand[name]} as ${name}` : `from . import ${name}`;
const fits = {
  python: (source) => source.replace(/^# type: ignore\n/m, "").replace(/^import (qemu_\w+)$/gm, imported),
  graphviz: (source) => source.replace(/^.* -> .* \[color="#404040"\];\n/gm, ""),
};
const fitted = fits[target] ?? ((source) => source);

const names = readdirSync(formats)
  .filter((file) => file.endsWith(".ksy"))
  .map((file) => file.slice(0, -".ksy".length))
  .sort();
const compiled = new Map();
for (const name of names) {
  try {
    const files = await compiler.compile(target, load(name), importer, false);
    for (const [file, source] of Object.entries(files)) compiled.set(file, fitted(source));
  } catch (error) {
    console.error(`${name}.ksy: ${error.message ?? error}`);
    process.exit(1);
  }
}
if (target === "python") for (const name of Object.keys(writtenByHand)) compiled.delete(`${name}.py`);
for (const [file, source] of compiled) writeFileSync(join(output, file), source);
console.log(`${compiled.size} files from ${names.length} formats (compiler ${compiler.version})`);
