// An error as the user of the command line reads it, or a program does.
import { IsochronError } from "../kernels/index.ts";
import { userPlace } from "./user-place.ts";

/** The user's frame that a command called, directly or not; not whoever called the command. */
const placeBelow = (stack: string | undefined): string | undefined =>
  userPlace(stack?.split(/\n[^\n]*command-line\.[jt]s:/)[0]);

/** Any error as one of Isochron's, with its place in the user's own file where its stack shows one. */
function described(error: unknown): IsochronError {
  const [stack, cause] = error instanceof Error ? [error.stack, error.cause] : [];
  const place = placeBelow(stack) ?? (cause instanceof Error ? placeBelow(cause.stack) : undefined);
  const there = place === undefined ? {} : { place };
  if (error instanceof IsochronError) {
    const { code, message, details, help } = error;
    const parts = { details, ...there, ...(error.place === undefined ? {} : { place: error.place }) };
    return new IsochronError(code, message, help === undefined ? parts : { ...parts, help });
  }
  return new IsochronError("internal/unexpected", error instanceof Error ? error.message : String(error), {
    ...there,
    help: "this is a defect of Isochron; report it with what ISOCHRON_STACK=1 shows",
  });
}

/** The text of an error: with its place in the user's own file where its stack shows one, never with the stack. */
export function renderError(error: unknown): string {
  const stack = error instanceof Error && !(error instanceof IsochronError) ? error.stack : undefined;
  if (process.env.ISOCHRON_STACK === "1" && stack !== undefined) return stack;
  return described(error).render();
}

/** An error as one JSON document; absent parts are left out. */
export function errorJson(error: unknown): string {
  const { code, message, place, details, help } = described(error);
  return JSON.stringify({ error: { code, message, place, details, help } });
}
