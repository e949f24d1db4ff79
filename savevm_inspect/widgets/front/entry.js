// The ways in: a widget of a kernel (anywidget calls `render`), or a page without one (`drawPages`).
import { PlayerView } from "./player.js";

const WAIT_MS = 4000;

/** @param {BufferSource} packed zlib @returns {Promise<any>} */
async function unpack(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

/** Calls a function with the newest value, no more often than each so many milliseconds. */
function calmly(action, ms) {
  let timer = 0;
  let newest;
  return (value) => {
    newest = value;
    timer ||= setTimeout(() => {
      timer = 0;
      action(newest);
    }, ms);
  };
}

export default {
  async render({ model, el }) {
    const waiting = new Map();
    const columns = await unpack(model.get("run"));
    let own = model.get("position");
    const send = calmly((position) => {
      own = position;
      model.set("position", position);
      model.save_changes();
    }, 60);
    model.on("msg:custom", (message) => waiting.get(message.event)?.(message));
    const bytes = (event) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("no answer")), WAIT_MS);
      waiting.set(event, (answer) => {
        clearTimeout(timer);
        waiting.delete(event);
        resolve(answer);
      });
      model.send({ ask: "bytes", event });
    });
    const place = el.appendChild(document.createElement("div"));
    const view = new PlayerView(place, columns, { position: own, moved: send, bytes, link: false }, STYLE);
    model.on("change:position", () => model.get("position") !== own && view.show(model.get("position")));
    return () => view.dispose();
  },
};

/** Draws every player of a page that was published. */
export async function drawPages() {
  for (const place of document.querySelectorAll("[data-savevm-inspect]")) {
    const data = JSON.parse(place.querySelector("script").textContent);
    const binary = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const columns = await unpack(binary(data.run));
    const known = new Map(Object.entries(await unpack(binary(data.bytes))).map(([event, answer]) => [Number(event), answer]));
    const bytes = async (event) => known.get(event);
    new PlayerView(place, columns, { position: data.position, moved: () => undefined, bytes, link: true }, STYLE);
  }
}
