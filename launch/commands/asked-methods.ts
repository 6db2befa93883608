// `isochron inspect --method`: which methods of the programs in a file are shown.
import { didYouMean, IsochronError } from "../../kernels/index.ts";

/** Of each program's methods, by name, those that are asked for: all unless one is named. Throws `command/method`. */
export function askedMethods<T>(
  programs: readonly { readonly [method: string]: T }[],
  method: string | undefined,
  path: string,
): readonly (readonly (readonly [method: string, of: T])[])[] {
  const asked = programs.map((methods) =>
    Object.entries(methods).filter(([name]) => method === undefined || name === method),
  );
  if (method === undefined || asked.some((each) => each.length > 0)) return asked;
  const known = [...new Set(programs.flatMap((methods) => Object.keys(methods)))];
  throw new IsochronError("command/method", `no program in ${path} has a method "${method}"`, {
    help: didYouMean(method, known, `they have ${known.join(", ")}`),
  });
}
