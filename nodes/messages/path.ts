// Paths into messages: `drive.steering_angle`, `covariance[0]`, `points[*].x`, `position[name=left_knee]`.
import { didYouMean, IsochronError } from "../../kernels/index.ts";
import { type Layout, pathsOf } from "./layout.ts";
import { fullTypeName } from "./names.ts";

/** An element by what a list of names says at its place. */
export interface NamedElement {
  readonly called: string;
  /** The path of the list of names. */
  readonly names: readonly Segment[];
}

/** A field's name, an element's index or its name, or all elements. */
export type Segment = { readonly name: string } | { readonly index: number } | NamedElement | "*";

const element = String.raw`\[(?:\*|\d+|[A-Za-z]\w*=[^\]]+)\]`;
const form = new RegExp(String.raw`^[A-Za-z]\w*(${element})*(\.[A-Za-z]\w*(${element})*)*$`);
const part = new RegExp(String.raw`${element}|\w+`, "g");

export const isNamed = (segment: Segment): segment is NamedElement => segment !== "*" && "called" in segment;

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
  if (!form.test(path))
    throw wrong(
      root,
      path,
      "this is not a path",
      "write NAME.NAME, NAME[INDEX], NAME[*] or NAME[LIST=TEXT], LIST a list of names beside it",
    );
  const parts = path.match(part) ?? [];
  let at: Layout = root;
  const segments: Segment[] = [];
  for (const part of parts) {
    if (part.startsWith("[")) {
      if (at.kind !== "list") throw wrong(root, path, `${part} stands after ${at.type}, which is no list`, help);
      if (part.includes("=")) {
        segments.push(namedElement(root, path, segments, part));
        at = at.element;
        continue;
      }
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

/** The element that `[LIST=TEXT]` stands for behind a list: LIST is a field beside it, or beside what it is in. */
function namedElement(root: Layout, path: string, before: readonly Segment[], part: string): NamedElement {
  const [list = "", called = ""] = part.slice(1, -1).split(/=(.*)/s);
  const along: Layout[] = [root];
  for (const segment of before) along.push(stepOf(along.at(-1)!, segment));
  for (let depth = before.length - 1; depth >= 0; depth--) {
    const [around, towards] = [along[depth]!, before[depth]!];
    if (around.kind !== "struct" || towards === "*" || !("name" in towards)) continue;
    const at = around.fields.findIndex(({ name }) => name === list);
    if (at < 0) continue;
    const { layout } = around.fields[at]!;
    if (layout.kind !== "list" || layout.element.kind !== "string" || layout.element.wide)
      throw wrong(root, path, `${list} is ${layout.type}`, "elements are named by a list of strings");
    if (at > around.fields.findIndex(({ name }) => name === towards.name))
      throw wrong(root, path, `${list} comes after ${towards.name} in a message`, "names come before what they name");
    return { called, names: [...before.slice(0, depth), { name: list }] };
  }
  throw wrong(root, path, `there is no list "${list}" beside what ${part} stands after`, "name a list of strings");
}

/** What a segment leads to. */
export function stepOf(layout: Layout, segment: Segment): Layout {
  if (layout.kind === "list") return layout.element;
  if (segment === "*" || !("name" in segment)) return layout;
  if (layout.kind === "time") return resolvePath(layout, segment.name).end;
  return layout.kind === "struct" ? layout.fields.find(({ name }) => name === segment.name)!.layout : layout;
}

/** Segments as a path. */
export const showPath = (segments: readonly Segment[]): string => segments.map(showSegment).join("").replace(/^\./, "");

function showSegment(segment: Segment): string {
  if (segment === "*") return "[*]";
  if (isNamed(segment)) return `[${showPath(segment.names.slice(-1))}=${segment.called}]`;
  return "name" in segment ? `.${segment.name}` : `[${segment.index}]`;
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
