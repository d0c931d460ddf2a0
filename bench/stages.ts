/**
 * Where the time of a first call goes, as a profile has it.
 *
 * @module
 */
import { type Profile, profile, type ProfileEvent } from "@vernal/vernal";

/** What watches. */
export interface Stages {
  /** Makes a call; only the first one is watched. */
  call(run: () => unknown): unknown;
  /** Milliseconds by stage, once the call is over. */
  facts(): Record<string, number>;
}

/** Profiles the first of some calls. */
export function watchStages(): Stages {
  let first: Profile | null = null;
  return {
    call(run) {
      if (first !== null) return run();
      const [result, seen] = profile(run);
      first = seen;
      return result;
    },
    facts() {
      const sum = (isMeant: (event: ProfileEvent) => boolean) =>
        first!.events.filter(isMeant).reduce((ms, event) => ms + event.milliseconds, 0);
      const all = (kind: ProfileEvent["kind"]) => sum((event) => event.kind === kind);
      const build = all("build");
      const encode = all("encode");
      const module = sum(({ name }) => name === "WebAssembly.Module");
      const stages = {
        "traceMs": all("trace"),
        "simplifyMs": all("simplify"),
        "scheduleMs": all("schedule"),
        "look on diskMs": all("store"),
        // The worker builds and encodes; whatever else the call waits for is its loading.
        "wait for the compilerMs": all("wait") - build - encode,
        "build the moduleMs": build,
        "encodeMs": encode,
        "WebAssembly.ModuleMs": module,
        "instantiateMs": all("instantiate") - module,
        "runMs": all("run"),
      };
      const rest = first!.milliseconds - Object.values(stages).reduce((a, b) => a + b);
      return { ...stages, "restMs": rest };
    },
  };
}
