// A function of TorchScript while it runs: its variables, and what its expressions may call.
import type { Defined } from "./program.ts";
import type { FunctionDefinition } from "./source/syntax.ts";
import type { TorchObject, TorchValue } from "./values.ts";

/** Statements that run in all, and turns of one loop, at most. */
export const mostStatements = 2 ** 20;

/** The variables of a function that runs, and the file that it stands in. */
export class Frame {
  readonly variables = new Map<string, TorchValue>();
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }
}

/** What expressions call and name. */
export interface Calls {
  readonly constants: readonly TorchValue[];
  method(self: TorchObject, name: string): Defined<FunctionDefinition> | undefined;
  constantOf(self: TorchObject, name: string): TorchValue | undefined;
  function(name: string): Defined<FunctionDefinition> | undefined;
  construct(
    name: string,
    args: readonly TorchValue[],
    keywords: ReadonlyMap<string, TorchValue>,
  ): TorchValue | undefined;
  call(
    defined: Defined<FunctionDefinition>,
    positional: readonly TorchValue[],
    keywords?: ReadonlyMap<string, TorchValue>,
  ): TorchValue;
  /** Evaluates one of two expressions, as a condition says, now or once the model runs. */
  choose(test: TorchValue, then: () => TorchValue, otherwise: () => TorchValue): TorchValue;
  apply(name: string, positional: readonly TorchValue[], keywords: ReadonlyMap<string, TorchValue>): TorchValue;
}
