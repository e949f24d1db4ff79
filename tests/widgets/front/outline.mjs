// Rows of an outline, scrolling through any number of them, and what bytes say.
import assert from "node:assert/strict";
import { MOST_PIXELS, Rows, inspect, offsetOf, scale } from "../../../savevm_inspect/widgets/front/outline.js";

// Whatever is open, each row has one index, in the order of records and of their parts.
let seed = 7;
const random = (below) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 4294967296) * below);
};
const rows = new Rows(50);
for (let round = 0; round < 200; round += 1) {
  const record = random(50);
  if (random(3)) rows.show(record, random(20));
  else rows.hide(record);
  const expected = [];
  for (let each = 0; each < 50; each += 1) {
    expected.push({ record: each, part: -1 });
    for (let part = 0; part < (rows.open.get(each) ?? 0); part += 1) expected.push({ record: each, part });
  }
  assert.equal(rows.count, expected.length);
  expected.forEach((row, index) => {
    assert.deepEqual(rows.at(index), row);
    assert.equal(rows.indexOf(row), index);
  });
}

// The scroll bar reaches the first and the last row, at any size, and one place of it is one row.
for (const count of [0, 1, 5, 1000, 2 ** 27, 2 ** 33]) {
  const { height, topOf, pixelOf } = scale(count, 18, 340);
  assert.ok(height <= MOST_PIXELS);
  assert.equal(topOf(0), 0);
  const last = Math.max(count - 340 / 18, 0);
  assert.ok(Math.abs(topOf(Math.max(height - 340, 0)) - last) < 1e-6 * Math.max(count, 1));
  for (const part of [0, 0.25, 0.5, 1]) assert.ok(Math.abs(topOf(pixelOf(part * last)) - part * last) < 1e-6 * Math.max(count, 1));
}

assert.equal(offsetOf("0x10"), 16);
assert.equal(offsetOf(" 1_000 "), 1000);
for (const text of ["", "x", "0x", "-1", "1e3", "0x123456789abcdef0", "<img>"]) assert.equal(offsetOf(text), null);

const said = new Map(inspect(Uint8Array.of(0xff, 0xfe, 0, 0, 0, 0, 0, 1)).map(([name, big, little]) => [name, [big, little]]));
assert.deepEqual(said.get("8 bits"), ["255 (-1) 0xff", ""]);
assert.deepEqual(said.get("16 bits"), ["65534 (-2) 0xfffe", "65279 (-257) 0xfeff"]);
assert.equal(said.get("64 bits")[1], "72057594037993215 0x10000000000feff".replace("72057594037993215", String(0x10000000000feffn)));
const time = inspect(Uint8Array.from([0, 0, 0, 0, 0x65, 0x53, 0xf1, 0]));
assert.deepEqual(time.find(([name]) => name === "time"), ["time", "2023-11-14T22:13:20.000Z (s)", ""]);
assert.deepEqual(inspect(Uint8Array.from(Buffer.from("QEVM\0"))).at(-1), ["text", "QEVM", ""]);
assert.deepEqual(inspect(new Uint8Array()), []);
