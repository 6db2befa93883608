// Quality of service of topics: ROS 2's policies, presets, and which offer meets which request.
import { z } from "zod";
import { type Duration, durationAboveZero, parseDuration } from "../../scheduler/index.ts";

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

/** What an application's inputs ask for unless they say otherwise: it meets every offer, and nothing old is sent again. */
export const inputQuality: QualityOfService = { reliability: "best-effort", durability: "volatile", depth: 10 };

/** Presets by name: ROS 2's default, what drivers of sensors publish with, and one message that is kept for late readers. */
export const qualityPresets = {
  default: defaultQuality,
  "sensor data": sensorQuality,
  latched: { reliability: "reliable", durability: "transient-local", depth: 1 },
} as const satisfies Readonly<Record<string, QualityOfService>>;

/** Quality of service as applications say it: a preset, or policies that differ from what the end has by default. */
export type Quality = keyof typeof qualityPresets | QualityPolicies;

/** Policies by name; see `QualityOfService`. */
export interface QualityPolicies {
  readonly reliability?: "reliable" | "best-effort";
  readonly durability?: "volatile" | "transient-local";
  /** How many messages are kept for a reader that has not taken them yet, or comes late. */
  readonly depth?: number;
  /** The longest time between two messages. */
  readonly deadline?: Duration;
  /** The time after which a message is no longer delivered. */
  readonly lifespan?: Duration;
  /** The time after which a publisher that says nothing of itself counts as dead. */
  readonly lease?: Duration;
}

const reliability = z.enum(["reliable", "best-effort"]);
const durability = z.enum(["volatile", "transient-local"]);

/** What `Quality` takes. */
export const qualitySchema = z
  .union([
    z.enum(Object.keys(qualityPresets) as (keyof typeof qualityPresets)[]),
    z.strictObject({
      reliability: reliability.optional(),
      durability: durability.optional(),
      depth: z.int().min(1).optional(),
      deadline: durationAboveZero.optional(),
      lifespan: durationAboveZero.optional(),
      lease: durationAboveZero.optional(),
    }),
  ])
  .describe(
    '"default", "sensor data", "latched", or policies: { reliability, durability, depth, deadline, lifespan, lease }',
  );

/** `QualityOfService` as descriptions keep it. */
export const qualityOfService = z.strictObject({
  reliability,
  durability,
  depth: z.int().min(1),
  deadlineNs: z.int().min(1).exactOptional(),
  lifespanNs: z.int().min(1).exactOptional(),
  leaseNs: z.int().min(1).exactOptional(),
});

/** The policies that an application says, over what the end has by default. */
export function qualityOf(quality: Quality, unlessSaid: QualityOfService): QualityOfService {
  if (typeof quality === "string") return qualityPresets[quality];
  const { deadline, lifespan, lease, ...rest } = quality;
  const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  return {
    ...unlessSaid,
    ...said,
    ...(deadline === undefined ? {} : { deadlineNs: parseDuration(deadline) }),
    ...(lifespan === undefined ? {} : { lifespanNs: parseDuration(lifespan) }),
    ...(lease === undefined ? {} : { leaseNs: parseDuration(lease) }),
  };
}
