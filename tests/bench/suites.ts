// The suites of benchmarks by name.
import type { Suites } from "./case.ts";
import { call } from "./cases/call.ts";
import { core } from "./cases/core.ts";
import { kernels } from "./cases/kernels.ts";
import { loops } from "./cases/loops.ts";
import { models } from "./cases/models.ts";
import { policies } from "./cases/policies.ts";

export const suites: Suites = { core, kernels, loops, call, policies, models };
