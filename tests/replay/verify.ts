// Verifies recordings in the test's own process, as `isochron replay --verify --json` does.
import { z } from "zod";
import { replayCommand } from "../../launch/commands/replay.ts";

const number = z.strictObject({
  at: z.string(),
  dtype: z.string(),
  recorded: z.union([z.number(), z.string()]),
  recomputed: z.union([z.number(), z.string()]),
  absolute: z.union([z.number(), z.string()]).nullable(),
  ulps: z.union([z.number(), z.string()]).nullable(),
});

export const verdict = z.object({
  bitExact: z.boolean(),
  legal: z.boolean(),
  cycles: z.number(),
  kernelCalls: z.number(),
  hash: z.string(),
  firstDifference: z
    .object({
      kind: z.string(),
      cycle: z.number(),
      task: z.string(),
      port: z.string(),
      byte: z.number().nullable(),
      recorded: z.string().nullable(),
      recomputed: z.string().nullable(),
      number: number.optional(),
    })
    .optional(),
  firstIllegal: z.object({ rule: z.string(), subject: z.string(), why: z.string() }).optional(),
  differing: z
    .object({
      jobs: z.number(),
      largest: number.extend({ task: z.string(), cycle: z.number(), port: z.string() }).nullable(),
    })
    .optional(),
});

/** What verification says, and the exit code. */
export type Verdict = z.infer<typeof verdict> & { readonly code: number | null };

/** Verifies a file; throws what the command would print as an error. */
export async function verify(path: string): Promise<Verdict> {
  const said: string[] = [];
  const terminal = {
    out: (text: string) => void said.push(text),
    error: (text: string) => {
      throw new Error(`nothing is to be said on standard error: ${text}`);
    },
    progress: () => undefined,
    signal: new AbortController().signal,
  };
  const code = await replayCommand(path, { verify: true, json: true }, terminal);
  return { code, ...verdict.parse(JSON.parse(said.join("\n"))) };
}
