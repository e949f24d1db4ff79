// Bundles the formats into one that needs neither imports nor a type written by hand, for Kaitai's web IDE.
//
// Usage: node bundle.mjs [WEB_FILE PARTS_FILE], by default those of this project
//
// WEB_FILE is that format. PARTS_FILE holds it as JSON, with the types that the state of devices is made of
// (plain/*.ksy), for `savevm-inspect schema to-ksy`, which adds the devices of one machine.
//
// An imported format becomes a type of the root. Its expressions mean by `_root` that format itself, which is now
// somewhere in the middle; so each `_root` becomes the way up there, a `_parent` for each step.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import yaml from "js-yaml";

const ENVELOPE = "qemu_migration_envelope";
const STREAM = "qemu_migration_stream";
const OPAQUE = "qemu_migration_device_payload";
const DEFAULT_PAGE_SIZE = 4096;

const formats = dirname(fileURLToPath(import.meta.url));
const load = (...path) => yaml.load(readFileSync(join(formats, ...path), "utf8"));
const [webFile, partsFile] = [
  process.argv[2] ?? join(formats, "web", `${STREAM}.ksy`),
  process.argv[3] ?? join(formats, "..", "savevm_inspect", "_ksy", "parts.json"),
];

// Every expression of a type that may name another type or `_root`, given to a function that may change it.
function mapText(value, change) {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => mapText(each, change));
  if (value === null || typeof value !== "object") return value;
  const isText = (key) => key === "id" || key.startsWith("doc") || key.startsWith("-");
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, isText(key) ? inner : mapText(inner, change)]),
  );
}

// The names of types that a type's own fields and instances have.
function usedTypes({ seq = [], instances = {} }) {
  const named = [...seq, ...Object.values(instances)].map((each) => each.type).filter((type) => type !== undefined);
  const flat = named.flatMap((type) => (typeof type === "string" ? [type] : Object.values(type.cases)));
  return flat.map((type) => type.trim().split("(")[0]);
}

// For each type of a format, how many steps above it the format is.
function depths(format) {
  const found = new Map();
  const visit = (type, depth) => {
    for (const name of usedTypes(type)) {
      if (!(name in (format.types ?? {}))) continue;
      if (found.has(name)) {
        if (found.get(name) > depth + 1) throw new Error(`${name} lies at several depths`);
        continue;
      }
      found.set(name, depth + 1);
      visit(format.types[name], depth + 1);
    }
  };
  visit(format, 0);
  return found;
}

// A format as a type that can stand within another one.
function asType({ meta, ...format }) {
  const inner = depths(format);
  const types = Object.entries(format.types ?? {}).map(([name, type]) => {
    const way = "_parent.".repeat(inner.get(name) ?? 0);
    return [name, mapText(type, (text) => text.replace(/\b_root\./g, way))];
  });
  const { types: _types, enums, ...own } = format;
  const outer = mapText(own, (text) => text.replace(/\b_root\./g, ""));
  const kept = Object.fromEntries(["encoding", "endian"].filter((key) => key in meta).map((key) => [key, meta[key]]));
  return {
    ...(Object.keys(kept).length ? { meta: kept } : {}),
    ...outer,
    ...(types.length ? { types: Object.fromEntries(types) } : {}),
    ...(enums ? { enums } : {}),
  };
}

function imported(format, found = new Map()) {
  for (const name of format.meta.imports ?? []) {
    if (found.has(name) || name === OPAQUE) continue;
    const part = load(`${name}.ksy`);
    found.set(name, asType(part));
    imported(part, found);
  }
  return found;
}

const envelope = load(`${ENVELOPE}.ksy`);
const parts = readdirSync(join(formats, "plain"))
  .sort()
  .map((file) => load("plain", file));
const part = (name) => parts.find((each) => each.meta.id === name);

let substituted = 0;
const opaque = new RegExp(`^${OPAQUE}\\(.*\\)$`);
const types = mapText(envelope.types, (text) => {
  if (!opaque.test(text)) return text;
  substituted += 1;
  return "device_payload(name.section_id)";
});
if (substituted !== 1) throw new Error(`${OPAQUE} is used ${substituted} times in ${ENVELOPE}, expected once`);

const { id: _id, imports: _imports, "ks-opaque-types": _opaqueTypes, ...meta } = envelope.meta;
const stream = {
  meta: { id: STREAM, ...meta, "ks-version": String(meta["ks-version"]) },
  doc: `The byte stream in which QEMU carries a virtual machine, whole in one file: no imports, no types written by hand.

Made by formats/bundle.mjs of the formats beside it; see those for the ideas one by one.

The length of a device's section is written nowhere. Here the section ends where its footer seems to be. What a
device's fields are, and with them where it surely ends, is in the description after the end mark of each stream;
\`savevm-inspect schema to-ksy SOURCE\` writes this format with the devices of that one machine.
`,
  "doc-ref": envelope["doc-ref"],
  seq: envelope.seq,
  instances: {
    page_size_default: {
      value: DEFAULT_PAGE_SIZE,
      doc: `${envelope.params.find((each) => each.id === "page_size_default").doc}\nTo be changed here for such a stream of another machine.\n`,
    },
    ...envelope.instances,
  },
  types: { ...types, ...Object.fromEntries(imported(envelope)), device_payload: asType(part("device_payload")) },
  enums: envelope.enums,
};
const bricks = parts.filter(({ meta: { id } }) => id !== "device_payload");
const named = (value) => Object.fromEntries(bricks.map((each) => [each.meta.id, value(each)]));
writeFileSync(webFile, yaml.dump(stream, { lineWidth: -1, noRefs: true }));
const partsText = JSON.stringify({ stream, types: named(asType), imports: named(({ meta }) => meta.imports ?? []) }, null, 1);
writeFileSync(partsFile, `${partsText}\n`);
console.log(`${STREAM}: ${Object.keys(stream.types).length} types; ${bricks.length} parts`);
