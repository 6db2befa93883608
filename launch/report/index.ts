// Reports of runs: followed as they run or read from a recording; in the terminal, as JSON, as a page.
export type { ChainReport } from "./chains.ts";
export type { ConsumerReport } from "./conservation.ts";
export {
  aboutText,
  type Departures,
  factsOf,
  type ReceivedMessages,
  type Replayed,
  type RunFacts,
} from "./facts.ts";
export type { Drop, Fault } from "./findings.ts";
export { Ledger } from "./ledger.ts";
export type { Miss, Misses } from "./misses.ts";
export type { Measured, Percentiles } from "./percentiles.ts";
export { printReport } from "./print.ts";
export type { Report, TaskReport } from "./report.ts";
export type { TopicReport } from "./topics.ts";
export type { Verdict } from "./verdicts.ts";
export { type ReportFormat, type RunReport, reportFile, reportFormat, summarise } from "./write.ts";
