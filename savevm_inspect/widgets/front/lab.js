// The extension of JupyterLab and Notebook 7: draws a player's output, with its kernel or without one.
import { outputOf } from "./entry.js";
import { Kernel } from "./kernel.js";
import { PlayerView } from "./player.js";

const MIME = "application/vnd.savevm-inspect.player+json";
const TARGET = "savevm-inspect.player";
const RANK = -20; // ipywidgets' view has -10; it can only say that its model is not there
const GONE = new Set(["restarting", "autorestarting", "dead", "unknown", "terminating"]);

/**
 * A comm to the kernel of a notebook, for as long as that kernel knows the run.
 * @param {any} context of the notebook's session @param {string} id of the run @param {(content: any) => void} receive
 * @param {() => void} lost
 * @returns {Promise<((content: any) => void)|null>} sends to the kernel; none where there is none
 */
async function connected(context, id, receive, lost) {
  await context.ready;
  const kernel = context.session?.kernel;
  if (!kernel?.handleComms) return null;
  const comm = kernel.createComm(TARGET);
  let open = true;
  const end = () => {
    open = false;
    context.statusChanged.disconnect(onStatus);
    lost();
  };
  const onStatus = (/** @type {any} */ _context, /** @type {string} */ status) => open && GONE.has(status) && end();
  context.statusChanged.connect(onStatus);
  comm.onMsg = (/** @type {any} */ message) => receive(message.content.data);
  comm.onClose = () => open && end();
  comm.open({ id });
  return (content) => {
    if (open) comm.send(content);
  };
}

/**
 * @param {{Widget: any}} widgets `@lumino/widgets` @param {{IRenderMimeRegistry: any}} rendermime `@jupyterlab/rendermime`
 * @param {{INotebookTracker: any}} notebook `@jupyterlab/notebook`
 * @returns {any} the plugin
 */
export function plugin({ Widget }, { IRenderMimeRegistry }, { INotebookTracker }) {
  /** @param {any} tracker @returns {any} */
  const rendererOf = (tracker) =>
    class extends Widget {
      /** @type {PlayerView|null} */
      view = null;
      /** @type {Kernel|null} */
      kernel = null;
      /** @type {(() => Promise<void>)|null} */
      connect = null;

      async renderModel(/** @type {any} */ model) {
        const data = model.data[MIME];
        const { columns, known } = await outputOf(data);
        if (this.isDisposed) return;
        this.view?.dispose();
        this.kernel?.lose();
        const place = document.createElement("div");
        this.node.replaceChildren(place);
        const kernel = new Kernel(null, (position) => view.show(position));
        const bytes = async (/** @type {number} */ event) => known.get(event) ?? kernel.ask({ ask: "bytes", event });
        const { call: moved } = kernel.position;
        const view = new PlayerView(place, columns, { position: data.position, moved, bytes, link: false }, STYLE);
        this.view = view;
        this.kernel = kernel;
        this.connect = () => this.#connect(kernel, view, data.id);
        this.connect();
      }

      onAfterAttach() {
        this.connect?.();
      }

      /**
       * Finds the kernel, once the output stands in its notebook.
       * @param {Kernel} kernel @param {PlayerView} view @param {string} id of the run
       */
      async #connect(kernel, view, id) {
        const panel = this.isAttached && tracker?.find((/** @type {any} */ each) => each.node.contains(this.node));
        if (!panel) return;
        this.connect = null;
        const lost = () => {
          kernel.lose();
          view.said("without its kernel: what this output holds is shown");
        };
        const receive = (/** @type {any} */ message) => {
          view.said("");
          kernel.receive(message);
        };
        const send = await connected(panel.sessionContext, id, receive, lost).catch(() => null);
        if (send) kernel.send = send;
        else lost();
      }

      dispose() {
        this.kernel?.lose();
        this.view?.dispose();
        super.dispose();
      }
    };
  return {
    id: "savevm-inspect:player",
    description: "Draws players of savevm-inspect, with or without a kernel.",
    autoStart: true,
    requires: [IRenderMimeRegistry],
    optional: [INotebookTracker],
    activate(/** @type {any} */ _app, /** @type {any} */ registry, /** @type {any} */ tracker) {
      const Renderer = rendererOf(tracker);
      registry.addFactory({ safe: true, mimeTypes: [MIME], createRenderer: () => new Renderer() }, RANK);
    },
  };
}
