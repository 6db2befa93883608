// The one error class of Isochron: a code, the thing, the place, the numbers, the way out.

/** What an error says beyond its first line. */
export interface ErrorParts {
  readonly details?: readonly string[];
  /** file:line:column in the user's own source. */
  readonly place?: string;
  readonly help?: string;
  readonly cause?: unknown;
}

/** An error with a stable code ("area/name") that prints itself in the manner of a compiler's. */
export class IsochronError extends Error {
  readonly code: string;
  readonly details: readonly string[];
  readonly place?: string;
  readonly help?: string;

  constructor(code: string, message: string, parts: ErrorParts = {}) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = "IsochronError";
    this.code = code;
    this.details = parts.details ?? [];
    if (parts.place !== undefined) this.place = parts.place;
    if (parts.help !== undefined) this.help = parts.help;
  }

  /** The whole message, as the command line prints it. */
  render(): string {
    return [
      `error[${this.code}]: ${this.message}`,
      ...this.details.map((line) => `  ${line}`),
      ...(this.place === undefined ? [] : [`  --> ${this.place}`]),
      ...(this.help === undefined ? [] : [`  help: ${this.help}`]),
    ].join("\n");
  }
}

/** The same error with a place in the user's source, where it is one of ours, has none and one is known. */
export function errorAt(error: unknown, place: string | undefined): unknown {
  if (!(error instanceof IsochronError) || error.place !== undefined || place === undefined) return error;
  const { code, message, details, help, cause } = error;
  return new IsochronError(code, message, { details, place, cause, ...(help === undefined ? {} : { help }) });
}
