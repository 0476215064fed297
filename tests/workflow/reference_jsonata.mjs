// Evaluates expressions with the reference implementation of JSONata, and measures how deeply it nests.
//
// stdin: {"module": path of the package, "cases": [{"expression", "bindings", "stack"}]}; stdout: one result each,
// {"value", "defined", "depth"} or {"error", "depth"}. The hooks are those that the reference implementation calls on
// entering and leaving each node of the tree: https://github.com/jsonata-js/jsonata/blob/master/src/jsonata.js
// Items of an array and members of an object are evaluated side by side, so that counting entries alone would take
// siblings for nested: `depth` goes by the tree instead. "stack" is the package's own guardrail, which counts entries:
// it is good for chains.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { module, cases } = JSON.parse(readFileSync(0, "utf8"));
const jsonata = createRequire(import.meta.url)(module);

function parentsOf(tree) {
  const parents = new Map();
  const walk = (node, parent) => {
    if (node === null || typeof node !== "object" || node instanceof RegExp) return;
    let own = parent;
    if (!Array.isArray(node) && typeof node.type === "string") {
      if (parents.has(node)) return;
      parents.set(node, parent);
      own = node;
    }
    for (const child of Object.values(node)) walk(child, own);
  };
  walk(tree, null);
  return parents;
}

function measured(compiled) {
  const parents = parentsOf(compiled.ast());
  const active = new Map();
  const found = { depth: 0 };
  compiled.assign(Symbol.for("jsonata.__evaluate_entry"), (node) => {
    let above = parents.get(node) ?? null;
    while (above !== null && !active.has(above)) above = parents.get(above) ?? null;
    const depth = (above === null ? 0 : active.get(above).depth) + 1;
    found.depth = Math.max(found.depth, depth);
    active.set(node, { depth, times: (active.get(node)?.times ?? 0) + 1 });
  });
  compiled.assign(Symbol.for("jsonata.__evaluate_exit"), (node) => {
    const entry = active.get(node);
    if (--entry.times === 0) active.delete(node);
  });
  return found;
}

async function run({ expression, bindings, stack }) {
  let found = { depth: 0 };
  try {
    const compiled = jsonata(expression, { stack });
    // What Step Functions adds to JSONata.
    compiled.registerFunction("hash", (text, algorithm) =>
      createHash(algorithm.replace("-", "").toLowerCase()).update(text).digest("hex"));
    compiled.registerFunction("parse", (text) => JSON.parse(text));
    compiled.registerFunction("uuid", () => "00000000-0000-4000-8000-000000000000");
    found = measured(compiled);
    const value = await compiled.evaluate(null, bindings ?? {});
    return { value: value ?? null, defined: value !== undefined, ...found };
  } catch (error) {
    return { error: `${error.code ?? ""} ${error.message}`.trim(), depth: found.depth };
  }
}

const results = [];
for (const each of cases) results.push(await run(each));
process.stdout.write(JSON.stringify(results));
