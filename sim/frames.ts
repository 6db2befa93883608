// Transforms: inputs whose messages are made of what /tf and /tf_static tell, by the runtime module's tree of frames.
import { z } from "zod";
import { callNative, loadRuntime } from "../kernels/index.ts";
import type { QualityOfService } from "../nodes/index.ts";
import type { ApplicationDescription } from "./application.ts";

/** The tree of frames in the runtime module. */
interface FrameTree {
  /** Takes a TFMessage that came at a ROS time; answers with a TransformStamped for each pair of which there is news. */
  receive(
    message: Uint8Array,
    fixed: boolean,
    nowNs: bigint,
  ): { readonly pair: number; readonly message: Uint8Array }[];
}

type FrameTreeConstructor = new (pairs: readonly { readonly target: string; readonly source: string }[]) => FrameTree;

const runtimeShape = z.object({
  FrameTree: z.custom<FrameTreeConstructor>((value) => typeof value === "function"),
});

const quality = { reliability: "reliable", durability: "volatile", depth: 100 } as const;

/** Where frames are told of, as tf2 listens there. */
const sources = [
  { topic: "/tf", fixed: false, quality },
  { topic: "/tf_static", fixed: true, quality: { ...quality, durability: "transient-local" } },
] as const;

const type = "tf2_msgs/msg/TFMessage";

/** A topic that tells of frames. */
export interface FrameTopic {
  readonly topic: string;
  readonly type: string;
  readonly quality: QualityOfService;
}

/** The transforms of one run of an application. */
export class Transforms {
  readonly #application: ApplicationDescription;
  #tree: FrameTree | undefined;

  constructor(application: ApplicationDescription) {
    this.#application = application;
  }

  /** Whether a topic carries the values of a transform. */
  carries(topic: string): boolean {
    const { inputs, transforms } = this.#application;
    return transforms.some(({ input }) => inputs[input]!.topic === topic);
  }

  /** The topics that the transforms are made of; none where there are no transforms. */
  get topics(): FrameTopic[] {
    return this.#application.transforms.length === 0
      ? []
      : sources.map(({ topic, quality: asked }) => ({ topic, type, quality: asked }));
  }

  /** The input that a topic's messages feed, where they are about frames. */
  channelOf(topic: string): number | undefined {
    const { inputs, transforms } = this.#application;
    const [first] = transforms;
    return first && sources.some((each) => each.topic === topic) ? inputs[first.input]!.channel : undefined;
  }

  /** Whether a topic tells of frames, and is no input itself. */
  takesAlone(topic: string): boolean {
    return this.channelOf(topic) !== undefined && !this.#application.inputs.some((each) => each.topic === topic);
  }

  /** What a message of frames is news of: messages of inputs. Other topics tell nothing. */
  receive(topic: string, bytes: Uint8Array, nowNs: bigint): { readonly topic: string; readonly bytes: Uint8Array }[] {
    const { inputs, transforms } = this.#application;
    const source = sources.find((each) => each.topic === topic);
    if (!source || transforms.length === 0) return [];
    this.#tree ??= new (runtimeShape.parse(loadRuntime()).FrameTree)(
      transforms.map(({ target, source: of }) => ({ target, source: of })),
    );
    const tree = this.#tree;
    return callNative(() => tree.receive(bytes, source.fixed, nowNs)).map(({ pair, message }) => ({
      topic: inputs[transforms[pair]!.input]!.topic,
      bytes: message,
    }));
  }
}
