// The horizontal axis of a run: events by their time or by their number, and which part of it is seen.

/** @typedef {import("./run.js").Run} Run */
/** @typedef {{byTime: boolean, from: number, to: number}} View what is seen, in µs or in events */

/** @param {Run} run @param {boolean} byTime @returns {View} */
export function wholeView(run, byTime) {
  const last = run.count - 1;
  if (!byTime) return { byTime, from: -0.5, to: last + 0.5 };
  const from = run.time.reduce((least, each) => Math.min(least, each), Infinity);
  const to = run.time.reduce((most, each) => Math.max(most, each), 0);
  const margin = Math.max((to - from) * 0.01, 1);
  return { byTime, from: from - margin, to: to + margin };
}

/** @param {Run} run @param {View} view @param {number} event @returns {number} where an event is, in units of the view */
export function valueOnAxis(run, view, event) {
  return view.byTime ? run.time[event] : event;
}

/** @param {View} view @param {number} value @param {number} width @returns {number} */
export function pixelOf(view, value, width) {
  return ((value - view.from) / (view.to - view.from)) * width;
}

/**
 * The event nearest to a pixel, of those that a filter leaves.
 * @param {Run} run @param {View} view @param {number} pixel @param {number} width
 * @param {(event: number) => boolean} fits @returns {number}
 */
export function eventAtPixel(run, view, pixel, width, fits = () => true) {
  const value = view.from + (pixel / width) * (view.to - view.from);
  let best = -1;
  let distance = Infinity;
  for (let event = 0; event < run.count; event += 1) {
    const away = Math.abs(valueOnAxis(run, view, event) - value);
    if (away < distance && fits(event)) {
      best = event;
      distance = away;
    }
  }
  return best;
}

/** @param {View} whole @param {View} view @param {number} centre @param {number} factor @returns {View} */
export function zoomed(whole, view, centre, factor) {
  const all = whole.to - whole.from;
  const length = Math.min(Math.max((view.to - view.from) * factor, view.byTime ? 10 : 8), all);
  const part = (centre - view.from) / (view.to - view.from);
  const from = Math.min(Math.max(centre - length * Math.min(Math.max(part, 0), 1), whole.from), whole.to - length);
  return { byTime: view.byTime, from, to: from + length };
}

/** @param {View} whole @param {View} view @param {number} value @returns {View} the same view if it has the value */
export function following(whole, view, value) {
  if (value >= view.from && value <= view.to) return view;
  const length = view.to - view.from;
  const from = Math.min(Math.max(value - length / 2, whole.from), whole.to - length);
  return { byTime: view.byTime, from, to: from + length };
}

/** @param {View} view @param {number} most @returns {number[]} round values for ticks */
export function ticks(view, most) {
  const rough = (view.to - view.from) / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const found = [];
  for (let value = Math.ceil(view.from / step) * step; value <= view.to; value += step) found.push(value);
  return found;
}
