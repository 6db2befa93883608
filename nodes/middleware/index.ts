// The middleware that carries topics: the seam that runs need, and the transports behind it.
export { InProcessNetwork } from "./in-process.ts";
export {
  defaultQuality,
  incompatiblePolicies,
  inputQuality,
  type Quality,
  type QualityOfService,
  type QualityPolicies,
  type QualityPolicy,
  qualityOf,
  qualityOfService,
  qualitySchema,
  sensorQuality,
} from "./quality-of-service.ts";
export { type NodeOptions, type OpenTransport, openTransport } from "./registry.ts";
export type {
  AcceptedGoal,
  ActionClient,
  CallEnd,
  Calls,
  GoalOutcome,
  NodeParameter,
  Publication,
  ReceivedMessage,
  ServiceClient,
  Subscription,
  TopicEnd,
  TopicInGraph,
  Transport,
  TransportEvent,
} from "./transport.ts";
