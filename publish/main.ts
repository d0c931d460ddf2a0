/**
 * `deno task publish`: makes the package in a temporary folder and publishes it from there; arguments are `deno publish`'s,
 * as `--dry-run`.
 *
 * @module
 */
import { stagePackage } from "./stage.ts";

const folder = await Deno.makeTempDir();
try {
  await stagePackage(folder);
  const args = ["publish", "--allow-dirty", ...Deno.args];
  const { code } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output()
    .then(({ code, stdout, stderr }) => {
      Deno.stdout.writeSync(stdout);
      Deno.stderr.writeSync(stderr);
      return { code };
    });
  Deno.exitCode = code;
} finally {
  await Deno.remove(folder, { recursive: true });
}
