// Chosen fields of a decoded message: `header.stamp`, `position[2]`.
import { IsochronError } from "../../kernels/index.ts";

const form = /^\w+(\[\d+\])*(\.\w+(\[\d+\])*)*$/;

const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

const noField = (topic: string, path: string, why: string, help?: string): IsochronError =>
  new IsochronError(
    "command/field",
    `messages of ${topic} have no field "${path}": ${why}`,
    help === undefined ? {} : { help },
  );

/** The fields at some paths, by path, or all of the message where there is none. Throws `command/field`. */
export function selectFields(message: unknown, paths: readonly string[], topic: string): unknown {
  if (paths.length === 0) return message;
  return Object.fromEntries(paths.map((path) => [path, fieldAt(message, path, topic)]));
}

function fieldAt(message: unknown, path: string, topic: string): unknown {
  if (!form.test(path)) throw noField(topic, path, "this is not a path", "write NAME.NAME or NAME[INDEX]");
  let [at, walked] = [message, "the message"];
  for (const part of path.match(/\w+|\[\d+\]/g) ?? []) {
    if (part.startsWith("[")) {
      const index = Number(part.slice(1, -1));
      if (!isList(at)) throw noField(topic, path, `${walked} is no list`);
      // Lists may be of another length in each message.
      if (index >= at.length) return null;
      at = at[index];
    } else if (typeof at === "object" && at !== null && !isList(at) && Object.hasOwn(at, part)) {
      at = (at as Readonly<Record<string, unknown>>)[part];
    } else {
      const names = typeof at === "object" && at !== null && !isList(at) ? Object.keys(at) : [];
      throw noField(
        topic,
        path,
        `${walked} has no "${part}"`,
        names.length > 0 ? `its fields are ${names.join(", ")}` : undefined,
      );
    }
    walked =
      walked === "the message" || part.startsWith("[")
        ? `${walked === "the message" ? "" : walked}${part}`
        : `${walked}.${part}`;
  }
  return at;
}
