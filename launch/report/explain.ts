// Sentences about a task's declaration.
import { duration } from "./html.ts";
import type { TaskReport } from "./report.ts";

/** When a task runs and what holds for it. */
export const describeLimits = ({ trigger, budgetNs, deadlineNs, priority, core, onOverrun }: TaskReport): string =>
  `Released ${trigger}; budget ${duration(budgetNs)}, deadline ${duration(deadlineNs)}; priority ${priority} on core ${core}; when late, ${
    onOverrun === "hold" ? "the previous value is held" : "nothing is published"
  }.`;
