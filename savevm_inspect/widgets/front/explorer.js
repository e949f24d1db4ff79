// The explorer: a stream's outline, its bytes, what they say, and a search; each leads to the others.
import { button, element, keyList, onKeysWithin, onTheme, standsOnDark } from "./dom.js";
import { Rows, hexadecimal, inspect, offsetOf } from "./outline.js";
import { VirtualList } from "./virtual.js";

/** @typedef {{channel: number, offset: number, length: number}} Bytes */
/** @typedef {[number, string, string, number, number, number, number]} Cells depth, name, text, channel, offset, length, branch */
/**
 * @typedef {Object} Surroundings what surrounds an explorer
 * @property {(question: any) => Promise<any>} ask asks the kernel; fails where there is none
 * @property {Bytes} selected the bytes to begin with
 * @property {boolean} kaitai whether rows are those of the Kaitai tree
 * @property {(bytes: Bytes) => void} chosen gets what is selected by hand
 * @property {(kaitai: boolean) => void} switched gets which rows are shown
 */

const PAGE_ROWS = 200;
const WINDOW_BYTES = 4096;
const MOST_WINDOWS = 64;
const MOST_RESULTS = 2000;
const ACROSS = 16;
/** @type {[string, string][]} */
const EXPLORER_KEYS = [
  ["↑ ↓", "row before or after; in the bytes, 16 back or on"], ["→ ←", "open or close a record; in the bytes, one on or back"],
  ["Home End", "first or last"], ["PageUp PageDown", "as many as are in sight"], ["Tab", "from pane to pane"], ["g", "go to an offset"],
  ["/", "search"], ["k", "our outline or Kaitai's tree"], ["m", "mark the byte, or no longer"], ["?", "this list"],
];

export class ExplorerView {
  /** @param {HTMLElement} place @param {any} stream what the kernel says of it @param {Surroundings} host @param {string} style */
  constructor(place, stream, host, style) {
    this.stream = stream;
    this.host = host;
    this.kaitai = host.kaitai;
    this.rows = new Rows(stream.records);
    /** @type {Map<string, Cells[]|null>} pages of rows, null while they are asked for */
    this.pages = new Map();
    /** @type {Map<string, {bytes: Uint8Array, names: [number, number, string, string][]}|null>} */
    this.windows = new Map();
    /** @type {Bytes} */
    this.selected = { channel: stream.channels[0]?.[0] ?? 0, offset: 0, length: 0 };
    this.cursor = 0;
    this.row = 0;
    this.search = 0;
    /** @type {Bytes[]} */
    this.marks = [];
    this.tree = new VirtualList("outline", 20, (first, count) => this.#treeRows(first, count));
    this.hex = new VirtualList("bytes", 18, (first, count) => this.#hexRows(first, count));
    this.channel = element("select", { "aria-label": "channel" }, ...stream.channels.map((/** @type {number[]} */ [number, length]) =>
      element("option", { value: number }, `channel ${number}: ${length.toLocaleString("en").replaceAll(",", " ")} bytes`)));
    this.channel.addEventListener("change", () => this.select({ channel: Number(this.channel.value), offset: 0, length: 1 }));
    this.goto = element("input", { class: "goto", placeholder: "offset, 0x…", "aria-label": "go to an offset" });
    this.goto.addEventListener("change", () => this.goTo(this.goto.value));
    this.what = element("select", { "aria-label": "what to search" }, ...["names", "values", "bytes", "text"].map((each) => element("option", { value: each }, each)));
    this.wanted = element("input", { type: "search", class: "filter", placeholder: "search the whole stream", "aria-label": "search" });
    this.wanted.addEventListener("change", () => this.find(this.what.value, this.wanted.value));
    this.kaitaiButton = button("Kaitai", "Our outline or Kaitai's tree (k)", () => this.switchTree());
    this.kaitaiButton.setAttribute("aria-pressed", String(this.kaitai));
    this.detail = element("div", { class: "pane detail", "aria-live": "polite" });
    this.found = element("div", { class: "pane found", hidden: "" });
    this.extra = element("div");
    this.marked = element("div", { class: "marks" });
    this.place = place;
    const shadow = place.attachShadow({ mode: "open" });
    this.root = element("section", { class: "explorer", role: "application", "aria-label": `explorer of ${stream.name}` });
    shadow.append(element("style", {}, style), this.root);
    this.#build();
    this.endings = [onKeysWithin(place, (event, inner) => this.#key(event, inner)), onTheme(() => this.#redraw())];
    this.observer = new ResizeObserver(() => this.#redraw());
    this.observer.observe(this.root);
    this.#redraw();
    this.select(host.selected, { byHand: false });
  }

  dispose() {
    this.search += 1;
    this.observer.disconnect();
    for (const end of this.endings) end();
  }

  #build() {
    const { stream } = this;
    const where = (/** @type {[number, number, number]} */ [channel, offset, length]) => ({ channel, offset, length });
    this.root.append(
      element("div", { class: "head" }, element("h3", {}, stream.name), element("span", { class: "muted" }, stream.about)),
      ...stream.problems.map((/** @type {[string, [number, number, number]|null]} */ [text, span]) =>
        element("div", { class: "note" }, `${text} `, ...(span ? [button("show", "Show the bytes of this problem", () => this.select(where(span)))] : []))),
      ...stream.more.map((/** @type {string} */ text) => element("div", { class: "note" }, text)),
      element("div", { class: "bar" }, this.channel, this.goto, this.what, this.wanted, this.kaitaiButton,
        button("mark", "Mark the byte (m)", () => this.mark()), button("?", "Keys (?)", () => this.help())),
      this.extra, this.marked,
      element("div", { class: "sides" }, this.tree.node, this.hex.node), this.detail, this.found);
    this.tree.node.addEventListener("click", (event) => {
      const row = /** @type {HTMLElement} */ (event.target).closest("[data-row]");
      if (row) this.choose(Number(row.getAttribute("data-row")), { toggle: true });
    });
    this.hex.node.addEventListener("click", (event) => {
      const offset = /** @type {HTMLElement} */ (event.target).dataset?.offset;
      if (offset) this.select({ channel: this.selected.channel, offset: Number(offset), length: 1 });
    });
  }

  #redraw() {
    this.root.classList.toggle("dark", standsOnDark(this.place));
    this.tree.resize(this.rows.count);
    this.hex.resize(Math.ceil(this.#length() / ACROSS));
  }

  #length() {
    return this.stream.channels.find((/** @type {number[]} */ [channel]) => channel === this.selected.channel)?.[1] ?? 0;
  }

  // What is in sight -> what is asked for ------------------------------------------------------------------

  /** @param {number} record -1 for the records themselves @param {number} first @returns {string} what a page of rows is kept by */
  #pageKey(record, first) {
    return `${record} ${record >= 0 && this.kaitai} ${first}`;
  }

  /** @param {import("./outline.js").Row} row @returns {Cells|null} none as long as it is not here */
  #cells({ record, part }) {
    const index = part < 0 ? record : part;
    const first = index - (index % PAGE_ROWS);
    const key = this.#pageKey(part < 0 ? -1 : record, first);
    const page = this.pages.get(key);
    if (page) return page[index - first] ?? null;
    if (page === undefined) {
      this.pages.set(key, null);
      const question = part < 0 ? { ask: "rows", first, count: PAGE_ROWS } : { ask: "parts", record, first, count: PAGE_ROWS, kaitai: this.kaitai };
      this.host.ask(question).then((answer) => {
        this.pages.set(key, answer.rows ?? []);
        this.#answered();
        this.tree.draw();
      }, () => {
        this.pages.delete(key); // asked for again when it is drawn again
        this.#alone();
      });
    }
    return null;
  }

  /** @param {number} offset @returns {{bytes: Uint8Array, names: [number, number, string, string][]}|null} */
  #window(offset) {
    const first = offset - (offset % WINDOW_BYTES);
    const { channel } = this.selected;
    const key = `${channel} ${first}`;
    const known = this.windows.get(key);
    if (known === undefined) {
      if (this.windows.size >= MOST_WINDOWS) this.windows.delete(/** @type {string} */ (this.windows.keys().next().value));
      this.windows.set(key, null);
      this.host.ask({ ask: "window", channel, offset: first, length: WINDOW_BYTES }).then((answer) => {
        this.windows.set(key, { bytes: answer.bytes, names: answer.names });
        this.#answered();
        this.hex.draw();
        this.#detail();
      }, () => {
        this.windows.delete(key);
        this.#alone();
      });
    }
    return known ?? null;
  }

  #alone() {
    this.extra.replaceChildren(element("div", { class: "note alone", role: "status" }, "no answer: the kernel is busy or gone, and only what was in sight is here"));
  }

  #answered() {
    this.extra.querySelector(".alone")?.remove();
  }

  // Drawing ------------------------------------------------------------------------------------------------

  /** @param {number} first @param {number} count */
  #treeRows(first, count) {
    return Array.from({ length: Math.max(count, 0) }, (_, index) => {
      const row = this.rows.at(first + index);
      const cells = this.#cells(row);
      const [depth, name, text, , offset] = cells ?? [0, "…", "", 0, 0];
      const open = this.rows.open.has(row.record);
      const sign = row.part < 0 ? (open ? "▾ " : "▸ ") : "";
      const now = first + index === this.row;
      const made = element("div", { class: `row${now ? " now" : ""}`, "data-row": first + index, role: "option", "aria-selected": now, title: `${name}: ${text}` },
        element("span", { class: "name" }, `${sign}${name}`), element("span", { class: "muted" }, text), element("span", { class: "at" }, hexadecimal(offset)));
      made.style.paddingLeft = `${6 + 14 * depth}px`;
      return made;
    });
  }

  /** @param {number} first @param {number} count */
  #hexRows(first, count) {
    const { selected, cursor } = this;
    const length = this.#length();
    return Array.from({ length: Math.max(count, 0) }, (_, index) => {
      const start = (first + index) * ACROSS;
      const known = this.#window(start);
      const line = element("div", { class: "hexrow" }, element("span", { class: "muted" }, `${start.toString(16).padStart(8, "0")}  `));
      const within = Math.min(ACROSS, length - start);
      let chars = "";
      for (let column = 0; column < within; column += 1) {
        const offset = start + column;
        const byte = known?.bytes[offset % WINDOW_BYTES];
        const name = known ? nameAt(known.names, offset) : -1;
        const marked = offset >= selected.offset && offset < selected.offset + selected.length;
        const run = known?.names[name];
        const classes = [run ? `t${name % 6}` : "", marked ? "mark" : "", offset === cursor ? "cursor" : "", run?.[0] === offset ? "first" : ""].join(" ");
        line.append(element("b", { class: classes, "data-offset": offset, ...(run ? { title: `${run[2]}: ${run[3]}` } : {}) }, byte === undefined ? "··" : byte.toString(16).padStart(2, "0")), " ");
        chars += byte === undefined ? " " : byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".";
      }
      line.append("   ".repeat(ACROSS - within), ` ${chars}`);
      return line;
    });
  }

  #detail() {
    const known = this.#window(this.cursor);
    const run = known?.names[nameAt(known.names, this.cursor)];
    const at = this.cursor % WINDOW_BYTES;
    const rows = known ? inspect(known.bytes.subarray(at, at + 64)) : [];
    const { offset, length } = this.selected;
    this.detail.replaceChildren(
      element("div", {}, element("span", { class: "name" }, run ? run[2] : ""), element("span", { class: "mono" }, run ? ` ${run[3]}` : "")),
      element("div", { class: "muted" }, `byte ${hexadecimal(this.cursor)} (${this.cursor}); selected: ${length} ${length === 1 ? "byte" : "bytes"} at ${hexadecimal(offset)}`),
      element("table", { class: "inspector" }, element("tr", {}, element("th"), element("td", { class: "muted" }, "big-endian"), element("td", { class: "muted" }, "little-endian")),
        ...rows.map(([name, big, little]) => element("tr", {}, element("th", {}, name), element("td", { class: "mono" }, big), element("td", { class: "mono" }, little)))));
  }

  // What is chosen -----------------------------------------------------------------------------------------

  /**
   * Bytes stand out, and the row that they belong to.
   * @param {Bytes} bytes @param {{byHand?: boolean, follow?: boolean}} [options] follow: look for their row
   */
  select(bytes, { byHand = true, follow = true } = {}) {
    if (!this.stream.channels.length) return;
    const moved = bytes.channel !== this.selected.channel;
    this.selected = bytes;
    const last = Math.max(this.#length() - 1, 0);
    this.selected = { ...bytes, offset: Math.min(Math.max(bytes.offset, 0), last) };
    this.cursor = this.selected.offset;
    this.channel.value = String(bytes.channel);
    if (moved) this.hex.resize(Math.ceil(this.#length() / ACROSS));
    this.hex.reveal(Math.floor(this.cursor / ACROSS));
    this.#detail();
    if (byHand) this.host.chosen(this.selected);
    if (follow) this.#follow();
  }

  async #follow() {
    const { channel, offset } = this.selected;
    try {
      const { record, part, total } = await this.host.ask({ ask: "at", channel, offset, kaitai: this.kaitai });
      if (this.selected.offset !== offset) return;
      if (typeof record !== "number") {
        this.row = -1; // these bytes are of no record
        this.tree.draw();
        return;
      }
      this.rows.show(record, total);
      this.row = this.rows.indexOf({ record, part: part ?? -1 });
      this.#answered();
      this.tree.resize(this.rows.count);
      this.tree.reveal(this.row);
    } catch {
      this.#alone();
    }
  }

  /** @param {number} index of a row @param {{toggle?: boolean}} [options] */
  async choose(index, { toggle = false } = {}) {
    this.row = Math.min(Math.max(index, 0), this.rows.count - 1);
    const row = this.rows.at(this.row);
    this.tree.reveal(this.row);
    const cells = this.#cells(row);
    if (cells) {
      const [, , , channel, offset, length] = cells;
      this.select({ channel, offset, length }, { follow: false });
    }
    if (toggle && row.part < 0) await this.#open(row.record, !this.rows.open.has(row.record));
  }

  /** @param {number} record @param {boolean} open */
  async #open(record, open) {
    if (!open) this.rows.hide(record);
    else {
      const answer = await this.host.ask({ ask: "parts", record, first: 0, count: PAGE_ROWS, kaitai: this.kaitai }).catch(() => this.#alone());
      if (!answer) return;
      if (answer.problem) this.extra.replaceChildren(element("div", { class: "note", role: "status" }, answer.problem));
      this.pages.set(this.#pageKey(record, 0), answer.rows ?? []);
      this.rows.show(record, answer.total ?? 0);
    }
    this.row = this.rows.indexOf({ record, part: -1 });
    this.tree.resize(this.rows.count);
  }

  /** @param {string} text */
  goTo(text) {
    const offset = offsetOf(text);
    if (offset !== null) this.select({ channel: this.selected.channel, offset, length: 1 });
    else this.extra.replaceChildren(element("div", { class: "note", role: "status" }, "an offset is a number, or 0x and a hexadecimal one"));
  }

  switchTree() {
    this.kaitai = !this.kaitai;
    this.kaitaiButton.setAttribute("aria-pressed", String(this.kaitai));
    this.host.switched(this.kaitai);
    this.rows = new Rows(this.stream.records);
    this.tree.resize(this.rows.count);
    this.#follow();
  }

  mark() {
    const { channel } = this.selected;
    const known = this.marks.findIndex((each) => each.channel === channel && each.offset === this.cursor);
    if (known >= 0) this.marks.splice(known, 1);
    else this.marks.push({ channel, offset: this.cursor, length: 1 });
    this.marked.replaceChildren(...this.marks.map((each) => button(`⚑ ${hexadecimal(each.offset)}`, `Go to the mark in channel ${each.channel}`, () => this.select(each))));
  }

  help() {
    const open = this.extra.querySelector(".help");
    this.extra.replaceChildren(...(open ? [] : [keyList(EXPLORER_KEYS)]));
  }

  /** Searches the whole stream; results are shown as they come. @param {string} what @param {string} wanted */
  async find(what, wanted) {
    this.search += 1;
    const own = this.search;
    this.found.hidden = !wanted.trim();
    if (this.found.hidden) return;
    const said = element("span", { role: "status" }, "searching …");
    const list = element("ol");
    this.found.replaceChildren(element("h4", {}, `${what}: ${wanted} `, said, button("stop", "Stop the search", () => (this.search += 1))), list);
    let from = null;
    let count = 0;
    try {
      do {
        const answer = await this.host.ask({ ask: "find", what, wanted, from });
        for (const [, name, text, channel, offset, length] of answer.rows) {
          count += 1;
          list.append(element("li", {}, button(`${hexadecimal(offset)}  ${name}  ${text}`, "Show these bytes", () => this.select({ channel, offset, length }))));
        }
        from = answer.next;
        said.textContent = `${count} found${from === null ? "" : " …"}`;
      } while (from !== null && own === this.search && count < MOST_RESULTS);
      if (from !== null) said.textContent = `${count} found, not all searched`;
    } catch {
      said.textContent = what === "bytes" ? "no answer: bytes are written in hexadecimal, such as 51 45 56 4d" : "no answer";
    }
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} inner */
  #key(event, inner) {
    if (inner.matches?.("input, select")) {
      if (event.key === "Escape") this.tree.node.focus();
      return;
    }
    if (inner.matches?.("button") && (event.key === " " || event.key === "Enter")) return;
    const bytes = inner === this.hex.node;
    const pane = bytes ? this.hex : this.tree;
    const to = (/** @type {number} */ by) =>
      bytes ? this.select({ channel: this.selected.channel, offset: Math.max(this.cursor + by, 0), length: 1 }) : this.choose(this.row + by);
    const step = bytes ? ACROSS : 1;
    const last = bytes ? this.#length() : this.rows.count;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowDown: () => to(step), ArrowUp: () => to(-step), PageDown: () => to(step * pane.visible), PageUp: () => to(-step * pane.visible),
      Home: () => to(-last), End: () => to(last), ArrowRight: () => (bytes ? to(1) : this.#open(this.rows.at(this.row).record, true)),
      ArrowLeft: () => (bytes ? to(-1) : this.#open(this.rows.at(this.row).record, false)), g: () => this.goto.focus(), "/": () => this.wanted.focus(),
      k: () => this.switchTree(), m: () => this.mark(), "?": () => this.help(),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

/** @param {[number, number, string, string][]} names in stream order @param {number} offset @returns {number} -1 if none has it */
function nameAt(names, offset) {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle][0] <= offset) low = middle + 1;
    else high = middle;
  }
  const found = low - 1;
  return found >= 0 && offset < names[found][0] + names[found][1] ? found : -1;
}
