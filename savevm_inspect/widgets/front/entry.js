// The ways in without an extension: a widget of a kernel (anywidget calls `render`), or a page alone (`drawPages`).
import { ExplorerView } from "./explorer.js";
import { Kernel, calmly } from "./kernel.js";
import { PlayerView } from "./player.js";

/** @param {BufferSource} packed zlib @returns {Promise<any>} */
export async function unpack(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/**
 * What an output holds of a player.
 * @param {any} data @returns {Promise<{columns: any, known: Map<number, any>}>} the run, and the bytes of its events
 */
export async function outputOf(data) {
  const binary = (/** @type {string} */ text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const columns = await unpack(binary(data.run));
  const bytes = Object.entries(await unpack(binary(data.bytes)));
  return { columns, known: new Map(bytes.map(([event, answer]) => [Number(event), answer])) };
}

/** @typedef {{model: any, kernel: Kernel, place: HTMLElement}} Widget what a view of a kernel's widget is made of */

/** @param {Widget} widget */
async function playerOf({ model, kernel, place }) {
  const { bytes: run } = await kernel.ask({ ask: "run" }, true);
  const columns = await unpack(run);
  let own = model.get("position");
  const { call: moved } = calmly((position) => {
    own = position;
    model.set("position", position);
    model.save_changes();
  });
  const bytes = (/** @type {number} */ event) => kernel.ask({ ask: "bytes", event });
  const view = new PlayerView(place, columns, { position: own, moved, bytes, link: false }, STYLE);
  model.on("change:position", () => model.get("position") !== own && view.show(model.get("position")));
  return view;
}

/** @param {Widget} widget */
async function explorerOf({ model, kernel, place }) {
  const stream = await kernel.ask({ ask: "open" }, true);
  let own = JSON.stringify(model.get("selected"));
  const chosen = (/** @type {import("./explorer.js").Bytes} */ bytes) => {
    own = JSON.stringify(bytes);
    model.set("selected", bytes);
    model.save_changes();
  };
  const switched = (/** @type {boolean} */ kaitai) => {
    model.set("kaitai", kaitai);
    model.save_changes();
  };
  const ask = (/** @type {any} */ question) => kernel.ask(question);
  const host = { ask, chosen, switched, selected: model.get("selected"), kaitai: model.get("kaitai") };
  const view = new ExplorerView(place, stream, host, STYLE);
  model.on("change:selected", () => JSON.stringify(model.get("selected")) !== own && view.select(model.get("selected"), { byHand: false }));
  model.on("change:kaitai", () => model.get("kaitai") !== view.kaitai && view.switchTree());
  return view;
}

const VIEWS = { player: playerOf, explorer: explorerOf };

export default {
  /** @param {{model: any, el: HTMLElement}} widget */
  async render({ model, el }) {
    const kernel = new Kernel((content) => model.send(content), () => undefined);
    model.on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => kernel.receive(message, buffers));
    const place = el.appendChild(document.createElement("div"));
    const view = await VIEWS[/** @type {keyof typeof VIEWS} */ (model.get("view"))]({ model, kernel, place });
    return () => {
      kernel.lose();
      view.dispose();
    };
  },
};

/** Draws every player of a page that was published. */
export async function drawPages() {
  for (const script of document.querySelectorAll("[data-savevm-inspect] > script")) {
    const place = /** @type {HTMLElement} */ (script.parentElement);
    const data = JSON.parse(script.textContent ?? "");
    const { columns, known } = await outputOf(data);
    const bytes = async (/** @type {number} */ event) => known.get(event);
    new PlayerView(place, columns, { position: data.position, moved: () => undefined, bytes, link: true }, STYLE);
  }
}
