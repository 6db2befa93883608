// Methods of tensors that read and write at computed positions.
import { z } from "zod";
import type { Dtype } from "../../../kernels/index.ts";
import { operatorOptions, requireArgument } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import { ArrangementMethods } from "./arrangement.ts";

/** Of which part of a tensor rows of positions speak. */
export interface GatherOptions {
  /** How many first dimensions of tensor and positions are the same batch (0 unless given). */
  readonly batchDims?: number;
}

const checkGather = operatorOptions<GatherOptions>("gatherND", () => ({ batchDims: z.int().min(0).optional() }));

const reductionModes = { sum: "add", amax: "max", amin: "min" } as const;
/** The mode in which an operator writes, by the name that PyTorch gives the reduction. */
function reductionMode(name: "indexReduce" | "scatterReduce", reduce: keyof typeof reductionModes) {
  const known = name === "indexReduce" ? (["amax", "amin"] as const) : (["sum", "amax", "amin"] as const);
  requireArgument(name, "reduce", z.enum(known), reduce);
  return reductionModes[reduce];
}

/** The part of `Tensor` that holds these methods. */
export abstract class IndexingMethods<D extends Dtype> extends ArrangementMethods<D> {
  /** The slices along `axis` at integer positions, of any shape; positions outside are moved to the nearest end. */
  indexSelect(axis: number, positions: Tensor): Tensor<D> {
    return this.apply("indexSelect", [positions], { axis });
  }
  /** Element by element along `axis` at integer positions, shaped like the tensor but for that dimension. */
  gather(axis: number, positions: Tensor): Tensor<D> {
    return this.apply("gather", [positions], { axis });
  }
  /** With the slices at `positions` along `axis` replaced by those of `source`; of several the last stays, positions outside take nothing. */
  indexCopy(axis: number, positions: Tensor, source: Tensor<D>): Tensor<D> {
    return this.apply("indexPut", [positions, source], { axis, mode: "set" });
  }
  /** With the slices of `source` added to those at `positions` along `axis`, one after the other. */
  indexAdd(axis: number, positions: Tensor, source: Tensor<D>): Tensor<D> {
    return this.apply("indexPut", [positions, source], { axis, mode: "add" });
  }
  /** With the slices at `positions` along `axis` joined with those of `source`, one after the other. */
  indexReduce(axis: number, positions: Tensor, source: Tensor<D>, reduce: "amax" | "amin"): Tensor<D> {
    return this.apply("indexPut", [positions, source], { axis, mode: reductionMode("indexReduce", reduce) });
  }
  /**
   * With the elements at `positions` along `axis` replaced by those of `source`, element by element; of several the last
   * stays, positions outside take nothing. `positions` and `source` have one shape, nowhere but along `axis` greater than this.
   */
  scatter(axis: number, positions: Tensor, source: Tensor<D>): Tensor<D> {
    return this.apply("scatter", [positions, source], { axis, mode: "set" });
  }
  /** With the elements of `source` added to those at `positions` along `axis`, one after the other. */
  scatterAdd(axis: number, positions: Tensor, source: Tensor<D>): Tensor<D> {
    return this.apply("scatter", [positions, source], { axis, mode: "add" });
  }
  /** With the elements at `positions` along `axis` joined with those of `source`, one after the other. */
  scatterReduce(axis: number, positions: Tensor, source: Tensor<D>, reduce: "sum" | "amax" | "amin"): Tensor<D> {
    return this.apply("scatter", [positions, source], { axis, mode: reductionMode("scatterReduce", reduce) });
  }
  /** The elements or slices at rows of positions in the first dimensions; positions outside are moved to the nearest end. */
  gatherND(positions: Tensor, options: GatherOptions = {}): Tensor<D> {
    checkGather(options);
    const { batchDims = 0 } = options;
    return this.apply("gatherND", [positions], { batchDims });
  }
  /** With what lies at rows of positions in the first dimensions replaced by `updates`, or joined with them, in order. */
  scatterND(positions: Tensor, updates: Tensor<D>, mode: "set" | "add" | "max" | "min" = "set"): Tensor<D> {
    return this.apply("scatterND", [positions, updates], { mode });
  }
}
