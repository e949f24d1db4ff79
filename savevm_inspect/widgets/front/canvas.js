// The space-time diagram on a canvas: phases, guest, a row for each thread, arrows between them, and what is pending.
import { PHASES, inkOn } from "./colours.js";
import { pixelOf, ticks, valueOnAxis } from "./axis.js";
import { headline, timeText } from "./run.js";

/** @typedef {import("./run.js").Run} Run */
/** @typedef {import("./axis.js").View} View */
/** @typedef {CanvasRenderingContext2D} Context */
/** @typedef {Record<string, string>} Theme */
/** @typedef {(event: number) => number} X where an event is, in pixels */
/** @typedef {{top: number, height: number, kind: string, side: string, thread: number}} Row */

const LEFT = 138;
const RIGHT = 10;
const AXIS = 18;
const HEIGHTS = { phases: 17, guest: 11, thread: 24, pending: 74 };
const GAP = 3;

/**
 * The rows of the diagram: the source's above, the destination's below, so that arrows lead down as time passes.
 * @param {Run} run @returns {{rows: Row[], height: number}}
 */
export function rowsOf(run) {
  /** @type {Row[]} */
  const rows = [];
  let top = AXIS;
  const add = (/** @type {keyof typeof HEIGHTS} */ kind, /** @type {string} */ side, thread = -1) => {
    rows.push({ top, height: HEIGHTS[kind], kind, side, thread });
    top += HEIGHTS[kind] + GAP;
  };
  for (const side of ["source", "destination"]) {
    const threads = run.threads.map((thread, number) => ({ ...thread, number })).filter((thread) => thread.side === side);
    if (!threads.length) continue;
    const ends = () => {
      add("phases", side);
      if (run.guest.some((each) => each.side === side)) add("guest", side);
    };
    if (side === "source") ends();
    for (const thread of threads) add("thread", side, thread.number);
    if (side === "destination") ends();
    top += 5;
  }
  if (run.pending.index.length) add("pending", "");
  return { rows, height: top };
}

/** @param {number} width @returns {number} pixels that the axis has */
export function plotWidth(width) {
  return Math.max(width - LEFT - RIGHT, 50);
}

/** @param {number} x of a pointer @param {number} width @returns {number} the same from the axis's left end */
export function plotX(x, width) {
  return Math.min(Math.max(x - LEFT, 0), plotWidth(width));
}

/** Draws all that a step does not change. */
export class Diagram {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    const { rows, height } = rowsOf(run);
    this.rows = rows;
    this.height = height;
    this.right = 0;
    /** @type {Map<number, Row>} */
    this.threadRows = new Map(this.rows.filter((row) => row.kind === "thread").map((row) => [row.thread, row]));
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {number} width in CSS pixels @param {View} view
   * @param {Record<string, string>} theme @param {(event: number) => boolean} fits which events a filter leaves
   */
  draw(context, width, view, theme, fits) {
    const inner = plotWidth(width);
    const x = (/** @type {number} */ event) => LEFT + pixelOf(view, valueOnAxis(this.run, view, event), inner);
    this.right = LEFT + inner;
    context.clearRect(0, 0, width, this.height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.#axis(context, view, inner, theme);
    for (const row of this.rows) {
      context.fillStyle = theme.muted;
      context.textAlign = "right";
      const thread = this.run.threads[row.thread];
      const label = row.kind === "thread" ? thread.name : row.kind === "phases" ? row.side : row.kind;
      context.font = row.kind === "phases" ? "bold 11px system-ui, sans-serif" : "11px system-ui, sans-serif";
      context.fillText(label, LEFT - 8, row.top + row.height / 2, LEFT - 12);
      if (row.kind === "thread") {
        context.fillStyle = theme.row;
        context.fillRect(LEFT, row.top, inner, row.height);
      }
    }
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, inner, this.height);
    context.clip();
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "left";
    this.#downtime(context, x, theme);
    for (const row of this.rows) {
      if (row.kind === "phases") this.#phases(context, row, x);
      if (row.kind === "guest") this.#guest(context, row, x, theme);
      if (row.kind === "pending") this.#pending(context, row, x, theme);
    }
    this.#calls(context, x, theme, fits, inner);
    this.#locks(context, x, theme);
    this.#arrows(context, x, theme, inner);
    context.restore();
  }

  /** @param {Context} context @param {View} view @param {number} inner @param {Theme} theme */
  #axis(context, view, inner, theme) {
    context.fillStyle = theme.muted;
    context.strokeStyle = theme.row;
    context.textAlign = "center";
    for (const value of ticks(view, inner / 110)) {
      const at = LEFT + pixelOf(view, value, inner);
      context.beginPath();
      context.moveTo(at, AXIS - 4);
      context.lineTo(at, this.height);
      context.stroke();
      const text = view.byTime ? `${Number((value / 1000).toFixed(3))} ms` : `${Math.round(value)}`;
      if (view.byTime || Number.isInteger(value)) context.fillText(text, at, AXIS / 2 - 1);
    }
    context.textAlign = "right";
    context.fillText(view.byTime ? "time" : "event", LEFT - 8, AXIS / 2 - 1);
  }

  /** @param {Context} context @param {Row} row @param {X} x */
  #phases(context, row, x) {
    for (const phase of this.run.phases.filter((each) => each.side === row.side)) {
      const colour = PHASES[/** @type {keyof typeof PHASES} */ (phase.phase)] ?? "#888888";
      const next = this.run.phases.find((each) => each.side === row.side && each.first > phase.first);
      const from = x(phase.first);
      const to = Math.max(x(next ? next.first : phase.last), from + 1);
      context.fillStyle = colour;
      context.fillRect(from, row.top, to - from, row.height);
      label(context, phase.phase, from, to, row.top + row.height / 2, inkOn(colour), this.right);
    }
  }

  /** @param {Context} context @param {Row} row @param {X} x @param {Theme} theme */
  #guest(context, row, x, theme) {
    for (const each of this.run.guest.filter((one) => one.side === row.side)) {
      const from = x(each.first);
      const to = Math.max(x(each.last), from + 1);
      context.fillStyle = theme[each.state] ?? theme.muted;
      context.fillRect(from, row.top + 3, to - from, row.height - 6);
      const width = context.measureText(each.state).width;
      if (to - from > width + 16) {
        context.fillStyle = theme.ground;
        context.fillRect(from + 4, row.top, width + 6, row.height);
        context.fillStyle = theme.ink;
        context.fillText(each.state, from + 7, row.top + row.height / 2);
      }
    }
  }

  /** @param {Context} context @param {X} x @param {Theme} theme */
  #downtime(context, x, theme) {
    const down = this.run.downtime;
    if (!down || down.resumed === null) return;
    const from = x(down.stopped);
    const to = Math.max(x(down.resumed), from + 2);
    const pending = this.rows.find((row) => row.kind === "pending");
    context.fillStyle = theme.downtime;
    context.fillRect(from, AXIS, to - from, this.height - AXIS);
    const text = down.length_us === null ? "downtime" : `downtime ${timeText(down.length_us)}`;
    const wide = context.measureText(text).width;
    context.fillStyle = theme.stopped;
    const y = pending ? pending.top + 8 : this.height - 6;
    context.textAlign = to + wide + 8 > this.right ? "right" : "left";
    context.fillText(text, context.textAlign === "right" ? from - 4 : to + 4, y);
    context.textAlign = "left";
  }

  /** @param {Context} context @param {X} x @param {Theme} theme @param {(event: number) => boolean} fits @param {number} inner */
  #calls(context, x, theme, fits, inner) {
    const lastX = new Map();
    for (const bar of this.run.bars) {
      const row = this.threadRows.get(bar.thread);
      if (!row) continue;
      const from = x(bar.first);
      const to = Math.max(x(bar.last), from + 1.5);
      if (to < LEFT || from > LEFT + inner) continue;
      const key = bar.thread * 4 + Math.min(bar.depth, 3);
      const wide = to - from > 3;
      if (!wide && from - (lastX.get(key) ?? -9) < 1) continue;
      lastX.set(key, from);
      const top = row.top + 2 + 3 * Math.min(bar.depth, 3);
      const height = row.height - 8 - 3 * Math.min(bar.depth, 3);
      const failed = this.run.failed.has(bar.last);
      context.globalAlpha = fits(bar.first) ? 1 : 0.18;
      context.fillStyle = failed ? theme.failed : wide ? theme.call : theme.callEdge;
      context.fillRect(from, top, to - from, height);
      if (wide) {
        context.strokeStyle = failed ? theme.failed : theme.callEdge;
        context.strokeRect(from + 0.5, top + 0.5, to - from - 1, height - 1);
        label(context, headline(this.run, bar.first).slice(2), from, to, top + height / 2, theme.ink, this.right);
      }
    }
    context.globalAlpha = 1;
  }

  /** @param {Context} context @param {X} x @param {Theme} theme */
  #locks(context, x, theme) {
    context.fillStyle = theme.lock;
    for (const lock of this.run.locks) {
      const row = this.threadRows.get(lock.thread);
      if (row) context.fillRect(x(lock.first), row.top + row.height - 4, Math.max(x(lock.last) - x(lock.first), 1), 3);
    }
  }

  /** @param {Context} context @param {X} x @param {Theme} theme @param {number} inner */
  #arrows(context, x, theme, inner) {
    const colours = [theme.record, theme.request, theme.returned];
    const drawn = new Set();
    for (const arrow of this.run.arrows) {
      const from = x(arrow.sent);
      const to = x(arrow.received);
      if (to < LEFT || from > LEFT + inner) continue;
      const start = this.threadRows.get(this.run.thread[arrow.sent]);
      const end = this.threadRows.get(this.run.thread[arrow.received]);
      if (!start || !end) continue;
      const key = `${Math.round(from)} ${Math.round(to)} ${start.thread} ${end.thread} ${arrow.kind}`;
      if (drawn.has(key)) continue;
      drawn.add(key);
      const down = start.top < end.top;
      const y0 = down ? start.top + start.height - 5 : start.top + 1;
      const y1 = down ? end.top + 1 : end.top + end.height - 5;
      context.strokeStyle = context.fillStyle = colours[arrow.kind];
      context.lineWidth = arrow.kind === 1 ? 1.6 : 1;
      arrowLine(context, from, y0, to, y1);
    }
    context.lineWidth = 1;
  }

  /** @param {Context} context @param {Row} row @param {X} x @param {Theme} theme */
  #pending(context, row, x, theme) {
    const { index, must_precopy: must, can_postcopy: can, threshold_bytes: threshold, exact, highest_bytes: highest } = this.run.pending;
    const bottom = row.top + row.height - 2;
    const y = (/** @type {number} */ value) => bottom - ((row.height - 16) * value) / highest;
    context.fillStyle = theme.row;
    context.fillRect(LEFT, row.top, this.right - LEFT, row.height);
    /** @type {[string, (number|null)[], string, number[]][]} */
    const curves = [
      ["can_postcopy", can, theme.can, []],
      ["must_precopy", must, theme.must, []],
      ["threshold", threshold, theme.threshold, [5, 4]],
    ];
    for (const [, values, colour, dash] of curves) {
      context.strokeStyle = colour;
      context.lineWidth = 1.8;
      context.setLineDash(dash);
      context.beginPath();
      let before = null;
      for (let at = 0; at < index.length; at += 1) {
        const value = values[at];
        if (value === null) continue; // not measured: no line
        const px = x(/** @type {number} */ (index[at]));
        if (before === null) context.moveTo(px, y(value));
        else {
          context.lineTo(px, before);
          context.lineTo(px, y(value));
        }
        before = y(value);
      }
      context.stroke();
    }
    context.setLineDash([]);
    context.lineWidth = 1;
    for (let at = 0; at < index.length; at += 1) {
      context.beginPath(); // a synchronised figure is a full dot, an estimate an open one
      context.arc(x(/** @type {number} */ (index[at])), y(must[at] ?? 0), 2.6, 0, 7);
      context.fillStyle = exact[at] ? theme.must : theme.ground;
      context.strokeStyle = theme.must;
      context.fill();
      context.stroke();
    }
    let left = LEFT + 6;
    for (const [name, values, colour] of curves.reverse()) {
      if (values.every((value) => value === null)) continue;
      context.fillStyle = colour;
      context.fillRect(left, row.top + 6, 14, 3);
      context.fillStyle = theme.ink;
      context.fillText(name, left + 18, row.top + 8);
      left += context.measureText(name).width + 34;
    }
    context.fillStyle = theme.muted;
    context.fillText(`highest ${this.run.pending.highest}; ● exact, ○ estimate`, left + 4, row.top + 8);
  }

  /**
   * The present event, over what is drawn already.
   * @param {CanvasRenderingContext2D} context @param {number} width @param {View} view @param {number} event
   * @param {Record<string, string>} theme
   */
  mark(context, width, view, event, theme) {
    const inner = plotWidth(width);
    const at = LEFT + pixelOf(view, valueOnAxis(this.run, view, event), inner);
    context.strokeStyle = context.fillStyle = theme.position;
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(at, AXIS - 5);
    context.lineTo(at, this.height);
    context.stroke();
    const row = this.threadRows.get(this.run.thread[event]);
    if (row) {
      context.beginPath();
      context.arc(at, row.top + row.height / 2 - 1, 5, 0, 7);
      context.fill();
    }
    context.lineWidth = 1;
  }

  /** @param {number} y @returns {number} the thread at a height, -1 if none */
  threadAt(y) {
    return this.rows.find((row) => row.kind === "thread" && y >= row.top && y < row.top + row.height + GAP)?.thread ?? -1;
  }
}

/**
 * A text within a stretch, as much of it as there is room for.
 * @param {Context} context @param {string} text @param {number} from @param {number} to @param {number} y
 * @param {string} colour @param {number} right where the axis ends
 */
function label(context, text, from, to, y, colour, right) {
  const left = Math.max(from, LEFT) + 4;
  const room = Math.min(to, right) - left - 3;
  if (room < 24) return;
  let shown = text;
  if (context.measureText(shown).width > room) {
    let part = Math.floor((shown.length * room) / context.measureText(shown).width);
    while (part >= 4 && context.measureText(`${text.slice(0, part)}…`).width > room) part -= 1;
    if (part < 4) return;
    shown = `${text.slice(0, part)}…`;
  }
  context.fillStyle = colour;
  context.fillText(shown, left, y);
}

/** @param {Context} context @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function arrowLine(context, x0, y0, x1, y1) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x1 - 6 * Math.cos(angle - 0.4), y1 - 6 * Math.sin(angle - 0.4));
  context.lineTo(x1 - 6 * Math.cos(angle + 0.4), y1 - 6 * Math.sin(angle + 0.4));
  context.fill();
}
