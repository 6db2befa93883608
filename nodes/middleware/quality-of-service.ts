// Quality of service of topics: ROS 2's policies, their default, and which offer meets which request.

/** Policies of one end of a topic, as ROS 2 has them (https://docs.ros.org/en/jazzy/Concepts/Intermediate/About-Quality-of-Service-Settings.html). */
export interface QualityOfService {
  /** Whether lost messages are sent again. */
  readonly reliability: "reliable" | "best-effort";
  /** Whether one that subscribes late is given the newest `depth` messages. */
  readonly durability: "volatile" | "transient-local";
  /** How many messages are kept for a reader that has not taken them yet. */
  readonly depth: number;
  /** The longest time between two messages, nanoseconds. */
  readonly deadlineNs?: number;
  /** The time after which a message is no longer delivered, nanoseconds. */
  readonly lifespanNs?: number;
  /** The time after which a publisher that says nothing of itself counts as dead, nanoseconds. */
  readonly leaseNs?: number;
}

/** ROS 2's default: reliable, volatile, the newest ten. */
export const defaultQuality: QualityOfService = { reliability: "reliable", durability: "volatile", depth: 10 };

/** What drivers of sensors publish with: best effort, volatile, the newest five. */
export const sensorQuality: QualityOfService = { reliability: "best-effort", durability: "volatile", depth: 5 };

/** A policy by which two ends of a topic may not fit. */
export type QualityPolicy = "reliability" | "durability" | "deadline" | "lease";

/** The policies by which what is offered falls short of what is requested: rules of DDS 1.4, section 2.2.3. */
export function incompatiblePolicies(offered: QualityOfService, requested: QualityOfService): QualityPolicy[] {
  const never = Number.POSITIVE_INFINITY;
  const policies: QualityPolicy[] = [];
  if (requested.reliability === "reliable" && offered.reliability === "best-effort") policies.push("reliability");
  if (requested.durability === "transient-local" && offered.durability === "volatile") policies.push("durability");
  if ((offered.deadlineNs ?? never) > (requested.deadlineNs ?? never)) policies.push("deadline");
  if ((offered.leaseNs ?? never) > (requested.leaseNs ?? never)) policies.push("lease");
  return policies;
}
