// Pieces of a page that all views need. Text of a stream becomes text nodes, never markup.
import { inkOn } from "./colours.js";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [attributes] @param {(Node|string)[]} children text stays text
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** @param {string} text @param {string} title @param {() => void} action */
export function button(text, title, action) {
  return element("button", { title, "aria-label": title, onclick: action }, text);
}

/** @param {[string, string][]} keys a key and what it does */
export function keyList(keys) {
  return element("div", { class: "help" }, ...keys.map(([key, text]) => element("div", {}, element("kbd", {}, key), ` ${text}`)));
}

/** @param {HTMLElement} node @returns {boolean} whether what a view stands on is dark */
export function standsOnDark(node) {
  const ground = getComputedStyle(node).getPropertyValue("--jp-layout-color1").trim();
  const themed = document.body?.dataset.jpThemeLight;
  if (themed) return themed === "false";
  if (/^#[0-9a-f]{6}$/i.test(ground)) return inkOn(ground) === "#ffffff";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** @param {() => void} redraw @returns {() => void} no longer calls it when the theme changes */
export function onTheme(redraw) {
  const themes = new MutationObserver(redraw);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  preferred.addEventListener("change", redraw);
  return () => {
    themes.disconnect();
    preferred.removeEventListener("change", redraw);
  };
}

/**
 * Keys that are pressed within a view do nothing else in the notebook, whose shortcuts listen on the document.
 * @param {HTMLElement} place @param {(event: KeyboardEvent, inner: HTMLElement) => void} pressed
 * @returns {() => void} no longer listens
 */
export function onKeysWithin(place, pressed) {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (!event.composedPath().includes(place) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopImmediatePropagation();
    pressed(event, /** @type {HTMLElement} */ (event.composedPath()[0]));
  };
  window.addEventListener("keydown", onKey, true);
  return () => window.removeEventListener("keydown", onKey, true);
}
