// The suites of benchmarks by name.
import type { Suites } from "./case.ts";
import { call } from "./cases/call.ts";
import { core } from "./cases/core.ts";

export const suites: Suites = { core, call };
