// Reads what a run is as columns and what Python says of it; prints the first difference, or nothing.
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { eventAtPixel, following, pixelOf, ticks, valueOnAxis, wholeView, zoomed } from "../../../savevm_inspect/widgets/front/axis.js";
import { rowsOf } from "../../../savevm_inspect/widgets/front/canvas.js";
import * as runs from "../../../savevm_inspect/widgets/front/run.js";
import assert from "node:assert/strict";

const run = runs.runOf(JSON.parse(inflateSync(readFileSync(process.argv[2])).toString()));
const said = JSON.parse(readFileSync(process.argv[3], "utf-8"));

for (let index = 0; index < run.count; index += 1) {
  const event = runs.eventAt(run, index);
  assert.deepEqual(runs.statesAt(run, index).map((row) => [row.label, row.source, row.destination, row.sourceChanged, row.destinationChanged]).slice(0), said[index].states, `states ${index}`);
  assert.deepEqual([event.heading, event.subject, event.phase, event.time, event.failed], said[index].event, `event ${index}`);
  assert.equal(runs.headline(run, index), said[index].headline);
  const facts = new Map(runs.factsAt(run, index));
  for (const [label, text] of said[index].rows) assert.equal(facts.get(label), text, `${index} ${label}`);
  assert.equal(runs.nextPhase(run, index), said[index].nextPhase);
  assert.equal(runs.previousPhase(run, index), said[index].previousPhase);
  const asked = runs.prediction(run, index);
  if (asked) {
    assert.equal(asked.choices.filter((choice) => choice.right).length, 1);
    assert.equal(new Set(asked.choices.map((choice) => choice.text)).size, asked.choices.length);
    assert.equal(run.kinds[run.kind[asked.answer]], "call");
    assert.deepEqual(asked, runs.prediction(run, index));
  }
}
for (const byTime of [true, false]) {
  const whole = wholeView(run, byTime);
  for (let index = 0; index < run.count; index += 7) {
    const pixel = pixelOf(whole, valueOnAxis(run, whole, index), 1000);
    assert.ok(pixel >= 0 && pixel <= 1000);
    assert.equal(valueOnAxis(run, whole, eventAtPixel(run, whole, pixel, 1000)), valueOnAxis(run, whole, index));
    const near = zoomed(whole, whole, valueOnAxis(run, whole, index), 0.1);
    assert.ok(near.from >= whole.from && near.to <= whole.to + 1e-6);
    const seen = following(whole, near, valueOnAxis(run, whole, run.count - 1));
    assert.ok(seen.to >= valueOnAxis(run, whole, run.count - 1));
  }
  assert.ok(ticks(whole, 8).length <= 18);
}
const rows = rowsOf(run).rows;
assert.equal(rows.filter((row) => row.kind === "thread").length, run.threads.length);
for (const [one, next] of rows.slice(1).map((row, index) => [rows[index], row])) assert.ok(next.top >= one.top + one.height);
assert.equal(runs.eventOfLink("#event=12"), 12);
assert.equal(runs.eventOfLink("#event=<img>"), null);
