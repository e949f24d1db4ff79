// A run as the columns that views/run_columns.py makes, and what can be asked of it. Nothing here knows a page.

/**
 * @typedef {{at: number[], values: number[]}} Sparse a column that only some events have a value in
 * @typedef {{thread: number, first: number, last: number, depth: number}} Bar
 * @typedef {Object} Run
 * @property {string} name
 * @property {string} made_by
 * @property {string[]} notes
 * @property {number} count
 * @property {number[]} time microseconds since the migration's start
 * @property {number[]} thread
 * @property {number[]} kind
 * @property {string[]} kinds
 * @property {number[]} heading
 * @property {Sparse} subject
 * @property {Sparse} phase
 * @property {Sparse} span lengths of the bytes that events name
 * @property {Set<number>} failed
 * @property {(Sparse & {label: string})[]} facts
 * @property {{label: string, source: Sparse, destination: Sparse}[]} states
 * @property {Record<string, Record<string, any>>} handlers
 * @property {{side: string, name: string}[]} threads
 * @property {Bar[]} bars
 * @property {Bar[]} locks
 * @property {{sent: number, received: number, kind: number}[]} arrows
 * @property {string[]} arrowKinds
 * @property {{side: string, phase: string, first: number, last: number}[]} phases
 * @property {{side: string, state: string, first: number, last: number}[]} guest
 * @property {{stopped: number, resumed: number|null, length_us: number|null}|null} downtime
 * @property {any} pending columns of figures, and the highest one with its text
 * @property {string[]} texts
 */

/** @param {number[]} steps @returns {number[]} */
export function sums(steps) {
  let sum = 0;
  return steps.map((step) => (sum += step));
}

/** @param {any} column @returns {any} */
function sparse(column) {
  return { ...column, at: sums(column.at) };
}

/** @param {any} bars @returns {Bar[]} */
function barsOf(bars) {
  const first = sums(bars.first);
  return first.map((each, index) => ({
    thread: bars.thread[index],
    first: each,
    last: each + bars.length[index],
    depth: bars.depth ? bars.depth[index] : 0,
  }));
}

/**
 * @param {any} columns as JSON gives them
 * @returns {Run}
 */
export function runOf(columns) {
  const sent = sums(columns.arrows.sent);
  return {
    ...columns,
    time: sums(columns.time_us),
    subject: sparse(columns.subject),
    phase: sparse(columns.phase),
    span: sparse(columns.span),
    failed: new Set(columns.failed),
    facts: columns.facts.map(sparse),
    states: columns.states.map((/** @type {any} */ row) => ({
      label: row.label,
      source: sparse(row.source),
      destination: sparse(row.destination),
    })),
    bars: barsOf(columns.bars),
    locks: barsOf(columns.locks),
    arrows: sent.map((each, index) => ({
      sent: each,
      received: each + columns.arrows.length[index],
      kind: columns.arrows.kind[index],
    })),
    arrowKinds: columns.arrow_kinds,
  };
}

/**
 * How many entries of an ascending list are at most a value.
 * @param {number[]} ascending @param {number} value @returns {number}
 */
export function upTo(ascending, value) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Sparse} column @param {number} index @returns {number|undefined} its value there */
export function valueAt(column, index) {
  const found = upTo(column.at, index) - 1;
  return found >= 0 && column.at[found] === index ? column.values[found] : undefined;
}

/** @param {Run} run @param {Sparse} column @param {number} index @returns {string} its text there; empty if none */
export function textAt(run, column, index) {
  const number = valueAt(column, index);
  return number === undefined ? "" : run.texts[number];
}

/**
 * @param {Run} run @param {number} index
 * @returns {{label: string, source: string, destination: string, sourceChanged: boolean, destinationChanged: boolean}[]}
 */
export function statesAt(run, index) {
  const last = (/** @type {Sparse} */ column) => {
    const found = upTo(column.at, index) - 1;
    return found < 0
      ? { text: "-", changed: false }
      : { text: run.texts[column.values[found]], changed: index > 0 && column.at[found] === index };
  };
  return run.states.map((row) => {
    const source = last(row.source);
    const destination = last(row.destination);
    return {
      label: row.label,
      source: source.text,
      destination: destination.text,
      sourceChanged: source.changed,
      destinationChanged: destination.changed,
    };
  });
}

/** @param {Run} run @param {number} index @returns {[string, string][]} label and text of each fact of an event */
export function factsAt(run, index) {
  /** @type {[string, string][]} */
  const rows = [];
  for (const column of run.facts) {
    const number = valueAt(column, index);
    if (number !== undefined) rows.push([column.label, run.texts[number]]);
  }
  return rows;
}

/** @param {Run} run @param {number} index */
export function eventAt(run, index) {
  const thread = run.threads[run.thread[index]];
  return {
    heading: run.texts[run.heading[index]],
    subject: textAt(run, run.subject, index),
    phase: textAt(run, run.phase, index),
    kind: run.kinds[run.kind[index]],
    side: thread.side,
    thread: thread.name,
    time: run.time[index],
    failed: run.failed.has(index),
  };
}

const ARROWS = { call: "→ ", return: "← " };

/** @param {Run} run @param {number} index @returns {string} an event in a few words */
export function headline(run, index) {
  const event = eventAt(run, index);
  const arrow = ARROWS[/** @type {"call"|"return"} */ (event.kind)] ?? "";
  return `${arrow}${event.heading}${event.subject ? ` · ${event.subject}` : ""}`;
}

/** @param {number} us @returns {string} */
export function timeText(us) {
  return `${(us / 1000).toFixed(3)} ms`;
}

/**
 * The first later event that fits; the last event of the run if there is none.
 * @param {Run} run @param {number} index @param {(event: number) => boolean} fits @returns {number}
 */
export function nextThat(run, index, fits) {
  for (let event = index + 1; event < run.count; event += 1) if (fits(event)) return event;
  return run.count - 1;
}

/** @param {Run} run @param {number} index @returns {number} where the next phase of either side begins */
export function nextPhase(run, index) {
  const first = run.phases.map((phase) => phase.first).find((each) => each > index);
  return first === undefined ? run.count - 1 : first;
}

/** @param {Run} run @param {number} index @returns {number} */
export function previousPhase(run, index) {
  return run.phases.reduce((last, phase) => (phase.first < index ? Math.max(last, phase.first) : last), 0);
}

/** @param {Run} run @returns {number} number of the kind of an event at which a handler is called */
export function callKind(run) {
  return run.kinds.indexOf("call");
}

/**
 * Which events a filter leaves: every word stands in the event's headline or in its thread.
 * @param {Run} run @param {string} words @returns {(event: number) => boolean}
 */
export function filterOf(run, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return () => true;
  return (event) => {
    const thread = run.threads[run.thread[event]];
    const text = `${headline(run, event)} ${thread.side} ${thread.name}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
}

/**
 * Predicting: the next call after an event and four other calls of the same run, in an order that the event decides.
 * @param {Run} run @param {number} index
 * @returns {{answer: number, choices: {text: string, event: number, right: boolean}[]}|null} none if no call follows
 */
export function prediction(run, index) {
  const call = callKind(run);
  const answer = nextThat(run, index, (event) => run.kind[event] === call);
  if (answer <= index || run.kind[answer] !== call) return null;
  const known = new Map([[headline(run, answer), answer]]);
  let seed = (index * 2654435761 + 97) >>> 0;
  const random = (/** @type {number} */ below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 4294967296) * below);
  };
  const calls = run.bars.map((bar) => bar.first);
  for (let tries = 0; tries < 200 && known.size < 5; tries += 1) {
    const other = calls[random(calls.length)];
    if (!known.has(headline(run, other))) known.set(headline(run, other), other);
  }
  const choices = [...known].map(([text, event]) => ({ text: text.slice(2), event, right: event === answer }));
  for (let last = choices.length - 1; last > 0; last -= 1) {
    const other = random(last + 1);
    [choices[last], choices[other]] = [choices[other], choices[last]];
  }
  return { answer, choices };
}

/** @param {string} hash of an address @returns {number|null} the event that a link leads to */
export function eventOfLink(hash) {
  const found = /(?:^#?|&)event=(\d{1,9})(?:&|$)/.exec(hash);
  return found ? Number(found[1]) : null;
}
