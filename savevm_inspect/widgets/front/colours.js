// Colours: one for each thing wherever it is drawn, and the arithmetic that tests hold them against.

/** Each phase has a colour of its own; the colour-blind can distinguish neighbours. */
export const PHASES = {
  prepare: "#d8e0ed",
  setup: "#717e93",
  iterate: "#3b77c4",
  switchover: "#e2cec5",
  complete: "#b64622",
  load: "#8fd088",
  postcopy: "#733d88",
  "postcopy-paused": "#f0c419",
  "postcopy-recover": "#483800",
  cleanup: "#a9a299",
};

/** What rows and curves are drawn in, by theme. */
export const THEMES = {
  light: {
    ink: "#1f2937",
    muted: "#4b5563",
    ground: "#ffffff",
    row: "#f1f4f8",
    call: "#c9dcf2",
    callEdge: "#3f73ad",
    failed: "#b42318",
    lock: "#b66e03",
    record: "#94a3b8",
    request: "#a61d60",
    returned: "#6b7280",
    running: "#1c8848",
    stopped: "#c3410c",
    downtime: "rgba(194, 65, 12, 0.14)",
    must: "#1f5f99",
    can: "#c07ad0",
    threshold: "#c23b3a",
    position: "#0f172a",
  },
  dark: {
    ink: "#e5e7eb",
    muted: "#b6bfcc",
    ground: "#111827",
    row: "#1c2636",
    call: "#274567",
    callEdge: "#7fb0e8",
    failed: "#f27971",
    lock: "#f0b04a",
    record: "#5b6b80",
    request: "#ff8fd7",
    returned: "#8a94a3",
    running: "#5dd08a",
    stopped: "#fb8d4d",
    downtime: "rgba(255, 154, 98, 0.18)",
    must: "#6fb1f2",
    can: "#ab68ba",
    threshold: "#ff8080",
    position: "#f8fafc",
  },
};

/** @param {string} hex @returns {[number, number, number]} */
export function rgbOf(hex) {
  const number = Number.parseInt(hex.slice(1), 16);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

/** @param {string} hex @returns {number} relative luminance, as WCAG 2 defines it */
export function luminance(hex) {
  const [red, green, blue] = rgbOf(hex).map((each) => {
    const part = each / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {string} one @param {string} other @returns {number} contrast, from 1 to 21 */
export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** @param {string} ground @returns {string} black or white, whichever is read better on it */
export function inkOn(ground) {
  return contrast("#000000", ground) >= contrast("#ffffff", ground) ? "#000000" : "#ffffff";
}
