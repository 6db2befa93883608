// The error of whatever is asked of a transport, or of one of its ends, after it was closed.
import { IsochronError } from "../../kernels/index.ts";

/** `transport/closed`. */
export const closedError = (): IsochronError =>
  new IsochronError("transport/closed", "the transport, or this end of the topic, is closed", {
    help: "advertise and subscribe before, or open a new transport",
  });
