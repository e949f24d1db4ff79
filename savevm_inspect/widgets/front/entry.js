// The ways in without an extension: a widget of a kernel (anywidget calls `render`), or a page alone (`drawPages`).
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

export default {
  /** @param {{model: any, el: HTMLElement}} widget */
  async render({ model, el }) {
    const kernel = new Kernel((content) => model.send(content), () => undefined);
    model.on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => kernel.receive(message, buffers));
    const place = el.appendChild(document.createElement("div"));
    const columns = await unpack(await kernel.ask("run", { ask: "run" }));
    let own = model.get("position");
    const { call: moved } = calmly((position) => {
      own = position;
      model.set("position", position);
      model.save_changes();
    });
    const bytes = (/** @type {number} */ event) => kernel.bytes(event);
    const view = new PlayerView(place, columns, { position: own, moved, bytes, link: false }, STYLE);
    model.on("change:position", () => model.get("position") !== own && view.show(model.get("position")));
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
