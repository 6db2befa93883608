// Paths into messages: `drive.steering_angle`, `covariance[0]`, `points[*].x`.
import { didYouMean, IsochronError } from "../../kernels/index.ts";
import { type Layout, pathsOf } from "./layout.ts";
import { fullTypeName } from "./names.ts";

/** A field's name, an element's index, or all elements. */
export type Segment = { readonly name: string } | { readonly index: number } | "*";

const form = /^[A-Za-z]\w*(\[(\*|\d+)\])*(\.[A-Za-z]\w*(\[(\*|\d+)\])*)*$/;

const wrong = (layout: Layout, path: string, why: string, help: string): IsochronError =>
  new IsochronError("message/unknown-field", `${fullTypeName(layout.type)} has no field "${path}"`, {
    details: [why],
    help,
  });

/** Some of many paths, for an error. */
export const shownPaths = (paths: readonly string[]): string =>
  `${paths.slice(0, 40).join(", ")}${paths.length > 40 ? ", …" : ""}`;

/**
 * A path's segments as they fit a message, and the layout that it ends at; a list stands for all its elements.
 *
 * Throws `message/unknown-field`.
 */
export function resolvePath(root: Layout, path: string): { readonly segments: Segment[]; readonly end: Layout } {
  const names = pathsOf(root);
  const help = didYouMean(path, names, names.length === 0 ? "it has no fields" : `its fields are ${shownPaths(names)}`);
  if (!form.test(path)) throw wrong(root, path, "this is not a path", "write NAME.NAME, NAME[INDEX] or NAME[*]");
  const parts = path.match(/\w+|\[(?:\*|\d+)\]/g) ?? [];
  let at: Layout = root;
  const segments: Segment[] = [];
  for (const part of parts) {
    if (part.startsWith("[")) {
      if (at.kind !== "list") throw wrong(root, path, `${part} stands after ${at.type}, which is no list`, help);
      const index = part === "[*]" ? undefined : Number(part.slice(1, -1));
      const most = at.length ?? at.most;
      if (index !== undefined && most !== undefined && index >= most) {
        throw wrong(root, path, `${at.type} has no element ${index}`, help);
      }
      segments.push(index === undefined ? "*" : { index });
      at = at.element;
    } else if (at.kind === "struct") {
      const field: { readonly layout: Layout } | undefined = at.fields.find(({ name }) => name === part);
      if (!field) throw wrong(root, path, `${at.type} has no field "${part}"`, help);
      segments.push({ name: part });
      at = field.layout;
    } else if (at.kind === "time" && (part === "sec" || part === "nanosec")) {
      segments.push({ name: part });
      at =
        part === "sec"
          ? { kind: "number", type: "int32", dtype: "i32", initial: 0 }
          : { kind: "number", type: "uint32", dtype: "u32", initial: 0 };
    } else throw wrong(root, path, `"${part}" stands after ${at.type}, which has no fields`, help);
  }
  while (at.kind === "list") {
    segments.push("*");
    at = at.element;
  }
  return { segments, end: at };
}

/** The lists that `[*]` stands for along a path, outermost first. */
export function starsOf(root: Layout, segments: readonly Segment[]): (Layout & { readonly kind: "list" })[] {
  const stars: (Layout & { readonly kind: "list" })[] = [];
  let at = root;
  for (const segment of segments) {
    if (at.kind === "list") {
      if (segment === "*") stars.push(at);
      at = at.element;
    } else if (at.kind === "struct" && segment !== "*" && "name" in segment) {
      at = at.fields.find(({ name }) => name === segment.name)!.layout;
    }
  }
  return stars;
}
