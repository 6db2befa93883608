// The middleware that carries topics: the seam that runs need, and the transports behind it.
export { InProcessNetwork } from "./in-process.ts";
export {
  defaultQuality,
  incompatiblePolicies,
  type QualityOfService,
  type QualityPolicy,
  sensorQuality,
} from "./quality-of-service.ts";
export type {
  Publication,
  ReceivedMessage,
  Subscription,
  TopicEnd,
  TopicInGraph,
  Transport,
  TransportEvent,
} from "./transport.ts";
