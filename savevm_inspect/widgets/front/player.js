// The player: the diagram with its controls, the card of one event, both sides' states, the events around it, its bytes.
import { eventAtPixel, following, valueOnAxis, wholeView, zoomed } from "./axis.js";
import { Diagram, plotWidth, plotX } from "./canvas.js";
import { PHASES, THEMES, inkOn } from "./colours.js";
import { button, element, keyList, onKeysWithin, onTheme, standsOnDark } from "./dom.js";
import {
  callKind, eventAt, eventOfLink, factsAt, filterOf, headline, nextPhase, nextThat, prediction, previousPhase, runOf,
  statesAt, textAt, timeText, valueAt,
} from "./run.js";

/** @typedef {import("./run.js").Run} Run */
/**
 * @typedef {Object} Host what surrounds a player
 * @property {number} position the event to begin with
 * @property {(position: number) => void} moved gets each event that is shown
 * @property {(event: number) => Promise<any>} bytes asks for the bytes of an event; nothing if the page does not have them
 * @property {boolean} link whether the page's address says which event is shown
 */

const AROUND = 6;
/** @type {[string, number][]} */
const SPEEDS = [["slow", 900], ["normal", 350], ["fast", 90], ["fastest", 16]];
/** @type {[string, string][]} */
const KEYS = [
  ["→ ←", "one event on or back"], ["n p", "next or previous phase"], ["h", "next call of this handler"],
  ["d", "next event of this device"], ["Home End", "first or last event"], ["PageDown PageUp", "20 events on or back"],
  ["space", "play or stop"], ["t", "axis by time or by event"], ["+ - 0", "zoom in, out, all"], ["/", "filter"],
  ["q", "predict the next call"], ["?", "this list"],
];

export class PlayerView {
  /** @param {HTMLElement} place @param {any} columns @param {Host} host @param {string} style */
  constructor(place, columns, host, style) {
    this.run = runOf(columns);
    this.host = host;
    this.diagram = new Diagram(this.run);
    this.byTime = true;
    this.whole = this.view = wholeView(this.run, true);
    this.fits = filterOf(this.run, "");
    this.timer = 0;
    this.score = { right: 0, asked: 0 };
    /** @type {Map<number, Promise<any>>} */
    this.known = new Map();
    this.position = 0;
    this.shown = false;
    this.baseKey = "";
    this.bytesOf = -1;
    this.base = element("canvas");
    this.playButton = button("▶ play", "Play or stop (space)", () => this.toggle());
    this.axisButton = button("axis: time", "Axis by time or by event (t)", () => this.switchAxis());
    this.predictButton = button("predict", "Choose the next call from five (q)", () => this.predict());
    this.speed = element("select", { "aria-label": "speed" }, ...SPEEDS.map(([name, ms]) => element("option", { value: ms }, name)));
    this.speed.value = "350";
    this.filter = element("input", { class: "filter", type: "search", placeholder: "filter: device, handler, thread", "aria-label": "filter" });
    this.filter.addEventListener("input", () => this.setFilter(this.filter.value));
    this.goto = element("input", { class: "goto", placeholder: "go to ms", "aria-label": "go to a time in milliseconds" });
    this.goto.addEventListener("change", () => this.goToTime(Number(this.goto.value)));
    this.kernel = element("span", { class: "muted kernel", role: "status" });
    this.where = element("span", { class: "place", role: "status", "aria-live": "polite" });
    this.canvas = element("canvas", { role: "img", "aria-label": "space-time diagram: a row for each thread of both sides; arrow keys go from event to event" });
    this.card = element("div", { class: "pane card" });
    this.states = element("div", { class: "pane states" });
    this.events = element("div", { class: "pane events" });
    this.bytes = element("div", { class: "pane bytes" });
    this.extra = element("div");
    const shadow = place.attachShadow({ mode: "open" });
    shadow.append(element("style", {}, style));
    this.root = element("section", { class: "player", tabindex: "0", role: "application", "aria-label": `player of ${this.run.name}` });
    shadow.append(this.root);
    this.place = place;
    this.#build();
    this.endings = [onKeysWithin(place, (event, inner) => this.#key(event, inner)), onTheme(() => this.#redraw())];
    this.observer = new ResizeObserver(() => this.#redraw());
    this.observer.observe(this.root);
    const linked = host.link ? eventOfLink(location.hash) : null;
    this.show(linked ?? host.position);
  }

  dispose() {
    this.stop();
    this.observer.disconnect();
    for (const end of this.endings) end();
  }

  #build() {
    const { run } = this;
    this.root.append(
      element("div", { class: "head" }, element("h3", {}, run.name), element("span", { class: "muted" }, `recorded by ${run.made_by}; ${run.count} events`), this.kernel, this.where),
      ...run.notes.map((/** @type {string} */ note) => element("div", { class: "note" }, note)),
      element("div", { class: "bar" },
        button("|◀ phase", "Previous phase (p)", () => this.show(previousPhase(run, this.position))),
        button("◀ back", "Back by one event (←)", () => this.step(-1)),
        button("step ▶", "On by one event (→)", () => this.step(1)),
        button("phase ▶|", "Next phase (n)", () => this.show(nextPhase(run, this.position))),
        this.playButton, this.speed,
        button("handler ▶", "Next call of this handler (h)", () => this.nextCallOf("heading")),
        button("device ▶", "Next event of this device (d)", () => this.nextCallOf("subject")),
        this.axisButton,
        button("+", "Zoom in (+)", () => this.zoom(0.5)), button("−", "Zoom out (-)", () => this.zoom(2)), button("all", "Show all (0)", () => this.zoom(Infinity)),
        this.filter, this.goto, this.predictButton,
        button("link", "Copy a link to this event", () => this.copyLink()), button("?", "Keys (?)", () => this.help())),
      this.canvas, this.extra,
      element("div", { class: "panes" }, this.card, this.states, this.events), this.bytes);
    const drag = (/** @type {PointerEvent} */ event) => {
      const box = this.canvas.getBoundingClientRect();
      const width = plotWidth(box.width);
      const thread = this.diagram.threadAt(event.clientY - box.top);
      const inThread = (/** @type {number} */ each) => (thread < 0 || run.thread[each] === thread) && this.fits(each);
      let found = eventAtPixel(run, this.view, plotX(event.clientX - box.left, box.width), width, inThread);
      if (found < 0) found = eventAtPixel(run, this.view, plotX(event.clientX - box.left, box.width), width);
      this.show(found);
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.root.focus({ preventScroll: true });
      drag(event);
    });
    this.canvas.addEventListener("pointermove", (event) => event.buttons & 1 && drag(event));
    this.canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.4 : 0.7);
    }, { passive: false });
  }

  /** @param {number} position beyond the ends it is the first or the last event */
  show(position) {
    const next = Math.min(Math.max(Math.trunc(position) || 0, 0), this.run.count - 1);
    const changed = next !== this.position || !this.shown;
    this.position = next;
    this.shown = true;
    this.view = following(this.whole, this.view, valueOnAxis(this.run, this.view, next));
    this.extra.querySelector(".said")?.remove();
    this.#redraw();
    if (changed) this.host.moved(next);
  }

  /** @param {number} by steps over what the filter leaves out */
  step(by) {
    let next = this.position + by;
    while (next > 0 && next < this.run.count - 1 && !this.fits(next)) next += Math.sign(by);
    this.show(next);
  }

  toggle() {
    if (this.timer) return this.stop();
    this.playButton.textContent = "■ stop";
    this.timer = window.setInterval(() => {
      if (this.position >= this.run.count - 1) this.stop();
      else this.step(1);
    }, Number(this.speed.value));
  }

  stop() {
    window.clearInterval(this.timer);
    this.timer = 0;
    this.playButton.textContent = "▶ play";
  }

  /** @param {"heading"|"subject"} what */
  nextCallOf(what) {
    const { run } = this;
    const of = (/** @type {number} */ event) => (what === "heading" ? run.texts[run.heading[event]] : textAt(run, run.subject, event));
    const wanted = of(this.position);
    const call = callKind(run);
    const fits = (/** @type {number} */ event) => of(event) === wanted && (what === "subject" || run.kind[event] === call);
    const next = nextThat(run, this.position, fits);
    if (wanted && next > this.position && fits(next)) this.show(next);
    else this.#say(wanted ? `no later event of ${wanted}` : `this event is of no ${what === "heading" ? "handler" : "device"}`);
  }

  switchAxis() {
    this.byTime = !this.byTime;
    this.axisButton.textContent = this.byTime ? "axis: time" : "axis: events";
    this.whole = this.view = wholeView(this.run, this.byTime);
    this.#redraw();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.view = factor === Infinity ? this.whole : zoomed(this.whole, this.view, valueOnAxis(this.run, this.view, this.position), factor);
    this.#redraw();
  }

  /** @param {string} words */
  setFilter(words) {
    this.fits = filterOf(this.run, words);
    this.baseKey = "";
    this.#redraw();
  }

  /** @param {number} ms */
  goToTime(ms) {
    if (Number.isFinite(ms)) this.show(nextThat(this.run, -1, (event) => this.run.time[event] >= ms * 1000));
  }

  /** @param {string} text what there is to say of the kernel */
  said(text) {
    this.kernel.textContent = text;
  }

  /** @param {string} text a line below the diagram, until another event is shown */
  #say(text) {
    this.extra.replaceChildren(element("div", { class: "muted said", role: "status" }, text));
  }

  copyLink() {
    const text = this.host.link ? `${location.href.split("#")[0]}#event=${this.position}` : `si.replay(..., at=${this.position})`;
    if (this.host.link) history.replaceState(null, "", `#event=${this.position}`);
    navigator.clipboard?.writeText(text).catch(() => undefined); // where that is forbidden, the text below is there to copy
    this.#say(text);
  }

  help() {
    const open = this.extra.querySelector(".help");
    this.extra.replaceChildren();
    if (!open) this.extra.append(keyList(KEYS));
  }

  predict() {
    const asked = prediction(this.run, this.position);
    if (!asked) return;
    const box = element("div", { class: "predict" }, element("div", {}, `Which call comes next? ${this.score.right} of ${this.score.asked} right so far.`));
    for (const choice of asked.choices) {
      const button = element("button", {}, choice.text);
      button.addEventListener("click", () => {
        this.score.asked += 1;
        this.score.right += choice.right ? 1 : 0;
        const next = eventAt(this.run, asked.answer);
        const promise = this.run.handlers[next.heading]?.promise ?? "";
        this.show(asked.answer);
        this.extra.replaceChildren(element("div", { class: `predict ${choice.right ? "right" : "wrong"}` },
          `${choice.right ? "Right" : "No"}: ${headline(this.run, asked.answer).slice(2)}, in ${next.phase || "no phase"}, thread ${next.thread}. ${promise} ${this.score.right} of ${this.score.asked} right. `,
          element("button", { onclick: () => this.predict() }, "next question")));
      });
      box.append(button);
    }
    this.extra.replaceChildren(box);
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} inner */
  #key(event, inner) {
    if (inner.matches?.("input, select")) {
      if (event.key === "Escape") this.root.focus();
      if (event.key === "Enter" && inner === this.goto) this.goToTime(Number(this.goto.value));
      return;
    }
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowRight: () => this.step(1), ArrowLeft: () => this.step(-1), Home: () => this.show(0), End: () => this.show(this.run.count - 1),
      PageDown: () => this.show(this.position + 20), PageUp: () => this.show(this.position - 20), n: () => this.show(nextPhase(this.run, this.position)),
      p: () => this.show(previousPhase(this.run, this.position)), h: () => this.nextCallOf("heading"), d: () => this.nextCallOf("subject"),
      t: () => this.switchAxis(), "+": () => this.zoom(0.5), "-": () => this.zoom(2), 0: () => this.zoom(Infinity), q: () => this.predict(),
      "?": () => this.help(), "/": () => this.filter.focus(), " ": () => this.toggle(),
    };
    if (inner.matches?.("button") && (event.key === " " || event.key === "Enter")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #redraw() {
    if (!this.shown || this.root.clientWidth <= 12) return; // not laid out: the observer calls again
    const dark = standsOnDark(this.place);
    this.root.classList.toggle("dark", dark);
    const theme = THEMES[dark ? "dark" : "light"];
    const width = this.root.clientWidth - 12;
    const scale = window.devicePixelRatio || 1;
    const key = [width, scale, dark, this.view.from, this.view.to, this.byTime].join(" ");
    const size = (/** @type {HTMLCanvasElement} */ canvas) => {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(this.diagram.height * scale);
    };
    if (key !== this.baseKey) {
      this.baseKey = key;
      size(this.base);
      size(this.canvas);
      this.canvas.style.height = `${this.diagram.height}px`;
      const context = /** @type {CanvasRenderingContext2D} */ (this.base.getContext("2d"));
      context.setTransform(scale, 0, 0, scale, 0, 0);
      this.diagram.draw(context, width, this.view, theme, this.fits);
    }
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.drawImage(this.base, 0, 0);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.diagram.mark(context, width, this.view, this.position, theme);
    this.#panes();
  }

  #panes() {
    const { run, position } = this;
    const event = eventAt(run, position);
    this.where.replaceChildren(element("span", { class: "muted" }, "event "), element("b", {}, String(position)), ` of ${run.count - 1}, ${timeText(event.time)}`);
    const handler = run.handlers[event.heading];
    const chip = element("span", { class: "chip" }, event.phase);
    const colour = PHASES[/** @type {keyof typeof PHASES} */ (event.phase)];
    if (colour) Object.assign(chip.style, { background: colour, color: inkOn(colour) });
    this.card.classList.toggle("failed", event.failed);
    this.card.replaceChildren(
      element("h4", {}, `event ${position}: ${event.kind}`),
      element("span", { class: "name" }, event.heading), ...(colour ? [chip] : []),
      element("div", { class: "mono" }, event.subject),
      ...(handler ? [element("code", { class: "signature" }, handler.signature), element("div", { class: "promise" }, handler.promise)] : []),
      element("table", {}, ...factsAt(run, position).map(([label, text]) =>
        element("tr", {}, element("th", { title: handler?.meanings[label] ?? label }, label), element("td", {}, text)))));
    const changed = (/** @type {boolean} */ is) => (is ? { class: "changed" } : {});
    this.states.replaceChildren(element("h4", {}, "after this event"), element("table", {},
      element("tr", {}, element("th"), element("td", { class: "muted" }, "source"), element("td", { class: "muted" }, "destination")),
      ...statesAt(run, position).map((row) => element("tr", {}, element("th", {}, row.label),
        element("td", changed(row.sourceChanged), row.source), element("td", changed(row.destinationChanged), row.destination)))));
    const first = Math.max(position - AROUND, 0);
    const list = element("ol");
    for (let each = first; each <= Math.min(position + AROUND, run.count - 1); each += 1) {
      const side = run.threads[run.thread[each]].side === "source" ? "src" : "dst";
      const line = element("button", { tabindex: "-1", title: headline(run, each), ...(each === position ? { class: "now", "aria-current": "true" } : {}) }, `${each} ${side} ${headline(run, each)}`);
      line.addEventListener("click", () => this.show(each));
      list.append(element("li", {}, line));
    }
    this.events.replaceChildren(element("h4", {}, "events around it"), list);
    this.#showBytes();
  }

  async #showBytes() {
    const { position } = this;
    if (this.bytesOf === position) return;
    this.bytesOf = position;
    const none = (/** @type {string} */ note) => ({ note, rows: [], names: [] });
    let answer = none("this event names no bytes");
    if (valueAt(this.run.span, position) !== undefined) {
      // One question for each event, also if it is shown again before the answer came.
      if (!this.known.has(position)) this.known.set(position, this.host.bytes(position));
      try {
        answer = (await this.known.get(position)) ?? none("the bytes of this event are not in this page");
      } catch {
        this.known.delete(position);
        answer = none("nobody answers, so the bytes are not here: the kernel is gone");
      }
    }
    if (position !== this.position) return;
    this.bytes.replaceChildren(element("h4", {}, "its bytes"), element("div", { class: "split" }, hexOf(answer), namesOf(answer)), element("div", { class: "muted" }, answer.note));
  }
}

/** @param {any} answer rows of [offset, [byte, run][]] */
function hexOf(answer) {
  return element("div", { class: "hex" }, ...answer.rows.map((/** @type {any} */ [offset, cells]) =>
    element("div", { class: "hexrow" }, element("span", { class: "muted" }, `${offset.toString(16).padStart(8, "0")}  `),
      ...cells.map((/** @type {any} */ [byte, run]) => element("b", run < 0 ? {} : { class: `t${run % 6}`, title: answer.names[run].join(": ") }, `${byte.toString(16).padStart(2, "0")} `)),
      " ".repeat(3 * (16 - cells.length) + 1),
      cells.map((/** @type {any} */ [byte]) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join(""))));
}

/** @param {any} answer names of [name, meaning] */
function namesOf(answer) {
  return element("table", {}, ...answer.names.slice(0, 100).map((/** @type {any} */ [name, meaning], /** @type {number} */ run) =>
    element("tr", {}, element("td", { class: "mono" }, element("b", { class: `t${run % 6}`, style: "border-bottom:2px solid" }, name)), element("td", { class: "mono" }, meaning))));
}
