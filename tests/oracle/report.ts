/**
 * Prints every difference between this library and the oracle, for whoever mends them:
 * `deno run -A tests/oracle/report.ts [--compiled] [file | group | case]...`
 *
 * @module
 */
import { groups, runCase } from "./run.ts";
import { readDataFile } from "./format.ts";

const compiled = Deno.args.includes("--compiled");
const wanted = Deno.args.filter((a) => !a.startsWith("--"));
let [bad, total] = [0, 0];
for (
  const entry of [...Deno.readDirSync(new URL("./data/", import.meta.url))].sort((a, b) =>
    a.name < b.name ? -1 : 1
  )
) {
  if (!entry.name.endsWith(".json")) continue;
  const name = entry.name.slice(0, -".json".length);
  const file = readDataFile(name);
  const start = performance.now();
  const [badBefore, totalBefore] = [bad, total];
  for (const [group, cases] of groups(file)) {
    for (const c of cases) {
      const chosen = wanted.length === 0 || [name, group, c.id].some((n) => wanted.includes(n));
      if (!chosen || (compiled && c.jit === false)) continue;
      total++;
      const lines = runCase(file, c, compiled);
      if (lines.length > 0) {
        bad++;
        console.log(`${name}: ${c.id}: ${lines.slice(0, 3).join("\n  ")}`);
      }
    }
  }
  if (total > totalBefore) {
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`== ${name}: ${bad - badBefore} of ${total - totalBefore} differ (${seconds} s)`);
  }
}
console.log(`${bad} of ${total} cases differ`);
