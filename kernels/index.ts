// The kernels folder's door.
export { bytesOf, type Dtype, dtypes } from "./dtype.ts";
export { type ErrorParts, IsochronError } from "./error.ts";
