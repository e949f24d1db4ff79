// The explorer's arithmetic: which row stands where, what bytes say, what somebody typed. Nothing here knows a page.

/** @typedef {{record: number, part: number}} Row a record (part -1), or one of the rows below it */

/** The rows of an outline of which some records are open. */
export class Rows {
  /** @param {number} records how many there are */
  constructor(records) {
    this.records = records;
    /** @type {Map<number, number>} how many rows stand below each open record */
    this.open = new Map();
    this.count = records;
  }

  /** @param {number} record @param {number} parts */
  show(record, parts) {
    this.hide(record);
    this.open.set(record, parts);
    this.open = new Map([...this.open].sort(([one], [other]) => one - other));
    this.count += parts;
  }

  /** @param {number} record */
  hide(record) {
    this.count -= this.open.get(record) ?? 0;
    this.open.delete(record);
  }

  /** @param {number} index @returns {Row} */
  at(index) {
    let before = 0;
    for (const [record, parts] of this.open) {
      if (index <= record + before) break;
      if (index <= record + before + parts) return { record, part: index - record - before - 1 };
      before += parts;
    }
    return { record: index - before, part: -1 };
  }

  /** @param {Row} row @returns {number} its index; that of its record if it is not open */
  indexOf({ record, part }) {
    let before = 0;
    for (const [each, parts] of this.open) {
      if (each >= record) break;
      before += parts;
    }
    return record + before + (this.open.has(record) ? part + 1 : 0);
  }
}

/** Scrolling through more rows than an element can be high: a scroll bar of at most so many pixels stands for them. */
export const MOST_PIXELS = 4_000_000;

/**
 * @param {number} rows @param {number} rowHeight @param {number} height of what is in sight
 * @returns {{height: number, topOf: (pixel: number) => number, pixelOf: (top: number) => number}} top is in rows
 */
export function scale(rows, rowHeight, height) {
  const whole = rows * rowHeight;
  const shown = Math.min(whole, MOST_PIXELS);
  const last = Math.max(rows - height / rowHeight, 0);
  const room = Math.max(shown - height, 0);
  return {
    height: shown,
    topOf: (pixel) => (room ? Math.min((pixel / room) * last, last) : 0),
    pixelOf: (top) => (last ? (Math.min(Math.max(top, 0), last) / last) * room : 0),
  };
}

/** @param {string} text @returns {number|null} an offset, in hexadecimal after 0x, else in decimal */
export function offsetOf(text) {
  const plain = text.trim().replaceAll("_", "");
  if (!/^(0x[0-9a-f]{1,13}|\d{1,15})$/i.test(plain)) return null;
  return Number(plain);
}

/** @param {number} value @returns {string} */
export function hexadecimal(value) {
  return `0x${value.toString(16)}`;
}

const NUMBERS = /** @type {const} */ ([
  ["8 bits", 1, "Uint8", "Int8"], ["16 bits", 2, "Uint16", "Int16"], ["32 bits", 4, "Uint32", "Int32"], ["64 bits", 8, "BigUint64", "BigInt64"],
]);
const FIRST_SECOND = 946684800n; // of the year 2000; a number below is hardly a time
const LAST_SECOND = 4102444800n; // of the year 2100

/**
 * What the bytes at an offset say as numbers, times and text.
 * @param {Uint8Array} bytes from the offset on
 * @returns {[string, string, string][]} what they are taken for, big-endian and little-endian
 */
export function inspect(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {[string, string, string][]} */
  const rows = [];
  for (const [name, length, unsigned, signed] of NUMBERS) {
    if (bytes.length < length) break;
    const said = (/** @type {boolean} */ little) => {
      const [plus, minus] = [BigInt(view[`get${unsigned}`](0, little)), BigInt(view[`get${signed}`](0, little))];
      return `${plus}${plus === minus ? "" : ` (${minus})`} 0x${plus.toString(16)}`;
    };
    rows.push([name, said(false), length > 1 ? said(true) : ""]);
  }
  if (bytes.length >= 8) {
    const time = (/** @type {boolean} */ little) => {
      const wide = view.getBigUint64(0, little);
      for (const [unit, of] of /** @type {[string, bigint][]} */ ([["s", 1n], ["ms", 1000n], ["ns", 1000000000n]])) {
        if (wide / of >= FIRST_SECOND && wide / of < LAST_SECOND) return `${new Date(Number((wide * 1000n) / of)).toISOString()} (${unit})`;
      }
      return "";
    };
    if (time(false) || time(true)) rows.push(["time", time(false), time(true)]);
  }
  const text = /^[\x20-\x7e]+/.exec(String.fromCharCode(...bytes.slice(0, 64)));
  if (text) rows.push(["text", text[0], ""]);
  return rows;
}
