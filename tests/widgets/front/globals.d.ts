// What the joined module has besides its files, and what JupyterLab puts into a page.
declare const STYLE: string;

interface Window {
  _JUPYTERLAB?: Record<string, unknown>;
}
