// Text can be read on what it stands on, and what stands side by side can be distinguished, in both themes.
import assert from "node:assert/strict";
import { PHASES, THEMES, contrast, inkOn } from "../../../savevm_inspect/widgets/front/colours.js";
import { ciede2000, tooClose } from "./distance.mjs";

// A pair of the paper's supplement (Sharma, Wu, Dalal 2005).
assert.ok(Math.abs(ciede2000([50, 2.6772, -79.7751], [50, 0, -82.7485]) - 2.0425) < 1e-4);
assert.ok(Math.abs(contrast("#000000", "#ffffff") - 21) < 1e-9);

for (const [phase, colour] of Object.entries(PHASES)) assert.ok(contrast(inkOn(colour), colour) >= 4.5, phase);
assert.deepEqual(tooClose(PHASES), []);

const TEXT = [["ink", ["ground", "row", "call"]], ["muted", ["ground", "row"]], ["stopped", ["ground"]], ["failed", ["ground"]]];
const TOGETHER = [["must", "can", "threshold"], ["running", "stopped"], ["record", "request", "returned"], ["lock", "failed", "callEdge"]];
for (const [name, theme] of Object.entries(THEMES)) {
  for (const [text, grounds] of TEXT) for (const ground of grounds) assert.ok(contrast(theme[text], theme[ground]) >= 4.5, `${name}: ${text} on ${ground}`);
  for (const group of TOGETHER) assert.deepEqual(tooClose(Object.fromEntries(group.map((each) => [each, theme[each]]))), [], name);
}
