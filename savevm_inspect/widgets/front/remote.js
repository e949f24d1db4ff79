// What JupyterLab loads of a prebuilt extension: it takes what JupyterLab shares, and loads the module beside itself.
(() => {
  const here = /** @type {HTMLScriptElement} */ (document.currentScript).src;
  const byVersion = new Intl.Collator("en", { numeric: true }).compare;
  /** @type {Record<string, Record<string, {get: () => Promise<() => any>}>>} */
  let shared = {};
  const taken = async (/** @type {string} */ name) => {
    const [newest] = Object.keys(shared[name]).sort((one, other) => byVersion(other, one));
    return (await shared[name][newest].get())();
  };
  const extension = {
    init(/** @type {any} */ scope) {
      shared = scope;
    },
    async get() {
      const { plugin } = await import(new URL("front.js", here).href);
      const made = plugin(...(await Promise.all(["@lumino/widgets", "@jupyterlab/rendermime", "@jupyterlab/notebook"].map(taken))));
      return () => ({ __esModule: true, default: made });
    },
  };
  window._JUPYTERLAB = { ...window._JUPYTERLAB, "savevm-inspect": extension };
})();
