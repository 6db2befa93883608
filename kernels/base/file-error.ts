// Files that cannot be read or written, in words that say what stands in the way.
import { IsochronError } from "./error.ts";

const reasons: { readonly [code: string]: string } = {
  ENOENT: "there is no such file or folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is a file, not a folder",
  EEXIST: "a part of its path is a file, not a folder",
  EACCES: "this user may not",
  EPERM: "this user may not",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EFBIG: "it would become larger than files may be here",
  EDQUOT: "the disk quota is used up",
  EMFILE: "too many files are open",
};

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;

/** `file/read` or `file/write`: the file, why not, and the way out. */
export function fileError(action: "read" | "write", path: string, cause: unknown): IsochronError {
  const code = codeOf(cause);
  const why =
    (typeof code === "string" ? reasons[code] : undefined) ?? (cause instanceof Error ? cause.message : String(cause));
  return new IsochronError(`file/${action}`, `${path} cannot be ${action === "read" ? "read" : "written"}: ${why}`, {
    help: action === "read" ? "name a file that exists" : "name a file in a folder that can be written",
    cause,
  });
}
