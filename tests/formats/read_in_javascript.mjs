// Compiles formats to JavaScript and reads streams with them, with Kaitai's own packages and nothing else.
//
// Usage: node read_in_javascript.mjs FORMATS_DIRECTORY < JOB
//
// JOB is a JSON list. {ksy, stream}, paths both, is answered by {end, size, padding, records}: how far the stream was
// read, and {start, end, kind, section_id, idstr, payload, leaves} for each record. A leaf is [path, start, end,
// value], with bytes in hex; {inexact} is a number beyond what JavaScript's have. {ksy} alone is only compiled, and
// {yaml}, a text, is answered by {data}. What fails is {error}.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.argv[2], "package.json"));
const yaml = require("js-yaml");
const compiler = require("kaitai-struct-compiler");
const KaitaiStream = require("kaitai-struct/KaitaiStream");

const lowerCamel = (id) => id.replace(/_+(\w)/g, (_, letter) => letter.toUpperCase());
const upperCamel = (id) => lowerCamel(`_${id}`);

// The class that a format compiles to, and for each class inside it the definition that it comes from.
async function compile(path) {
  const ksy = yaml.load(readFileSync(path, "utf8"));
  const files = await compiler.compile("javascript", ksy, {}, true);
  const [source] = Object.values(files);
  const made = {};
  new Function("exports", "require", source)(made, require);
  const root = made[upperCamel(ksy.meta.id)] ?? made;
  const definitions = new Map();
  const visit = (type, definition) => {
    const names = new Map((definition.seq ?? []).map((each) => [lowerCamel(each.id), each]));
    definitions.set(type, { definition, names });
    for (const [name, inner] of Object.entries(definition.types ?? {})) visit(type[upperCamel(name)], inner);
  };
  visit(root, ksy);
  return { root, definitions };
}

function shown(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return typeof value === "number" && !Number.isSafeInteger(value) ? { inexact: value } : value;
}

function leavesOf(object, definitions, path, leaves) {
  const { names } = definitions.get(object.constructor);
  for (const [attribute, place] of Object.entries(object._debug)) {
    const entry = names.get(attribute);
    if (entry === undefined || object[attribute] === undefined) continue; // an instance, or not there
    if (String(entry.type).startsWith("subsection_head")) continue; // its name is in the path
    const name = entry["-orig-id"] ?? entry.id;
    const first = entry["-orig-index"] ?? 0;
    const all = place.arr
      ? place.arr.map((each, index) => [object[attribute][index], each, `${name}[${first + index}]`])
      : [[object[attribute], place, name]];
    for (const [value, { ioOffset, start, end }, named] of all) {
      if (value?._debug) leavesOf(value, definitions, [...path, named], leaves);
      else leaves.push([[...path, named], ioOffset + start, ioOffset + end, shown(value)]);
    }
  }
  return leaves;
}

function read({ root, definitions }, path) {
  const bytes = readFileSync(path);
  const io = new KaitaiStream(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length), 0);
  const tree = new root(io);
  tree._read();
  const records = tree.records.map((record, index) => {
    const { body } = record;
    const start = tree._debug.records.arr[index].start;
    const end = tree._debug.records.arr[index].end;
    const name = body?.name ?? body?.opening?.name;
    const payload = body?._debug.payload;
    const found = {
      start,
      end,
      kind: root.RecordType[record.recordType].toLowerCase(),
      section_id: name && (body.sectionId ?? name.sectionId),
      idstr: name?.idstr,
      leaves: [],
    };
    if (payload) {
      found.payload = [payload.start, payload.end];
      if (name.idstr !== "ram") leavesOf(body.payload, definitions, [], found.leaves);
    }
    return found;
  });
  return { end: io.pos, size: io.size, records, padding: tree._debug.padding.end - tree._debug.padding.start };
}

const answers = [];
const compiled = new Map();
for (const { ksy, stream, yaml: text } of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    if (text !== undefined) {
      answers.push({ data: yaml.load(text) });
      continue;
    }
    if (!compiled.has(ksy)) compiled.set(ksy, await compile(ksy));
    answers.push(stream === undefined ? {} : read(compiled.get(ksy), stream));
  } catch (error) {
    answers.push({ error: String(error.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(answers));
