// The application description: inputs, tasks, outputs and chains, typed end to end.
import { IsochronError } from "../kernels/index.ts";
import type { MessageText } from "../nodes/index.ts";
import { ApplicationBuilder } from "./application-builder.ts";
import { Closers } from "./closers.ts";
import { at, requireFunction, requireText } from "./declarations.ts";
import { callerPlace } from "./user-place.ts";

/** A declared application; `isochron` compiles and runs it. */
export interface Application {
  readonly kind: "application";
  readonly name: string;
  /** Throws `message/files` where the application's .msg files are not. */
  readonly declarations: ApplicationBuilder;
  /** The same application with the message definitions that a built one carries, instead of its `.msg` files. */
  carrying(messages: readonly MessageText[]): Application;
  /**
   * Closes what the application opened, by what `app.closing` was given; `onSlow` hears of what takes more than a second.
   *
   * Throws `application/closing` where something fails, or takes more than five seconds.
   */
  close(onSlow?: (what: string) => void): Promise<void>;
}

/** Refuses a declaration that goes on behind its function's end. Throws `application/async`. */
function requireDeclared(name: string, result: unknown): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  throw new IsochronError("application/async", `application "${name}" is declared by an async function`, {
    help: "await before: const weights = await read(); export default application(NAME, (app) => { … })",
  });
}

/**
 * Declares an application.
 *
 * @example
 * ```ts
 * import { application, field, message, tensorType, trace } from "isochron";
 *
 * const brake = trace(
 *   ({ distance, speed }) => ({ force: speed.mul(speed).div(distance.mul(2)).clamp(0, 9) }),
 *   { distance: tensorType("f32", []), speed: tensorType("f32", []) },
 *   { name: "brake" },
 * );
 *
 * export default application("brake", (app) => {
 *   const distance = app.input("/distance", message("std_msgs/msg/Float32", { metres: field("data") }));
 *   const speed = app.input("/speed", message("std_msgs/msg/Float32", { metresPerSecond: field("data") }));
 *   const task = app.task("brake", brake, {
 *     inputs: { distance, speed },
 *     period: "10ms",
 *     budget: "100us",
 *     deadline: "2ms",
 *   });
 *   app.output("/brake", "std_msgs/msg/Float32", task.outputs, { force: "data" });
 *   app.chain("distance to brake", [distance, task], { budget: "15ms" });
 * });
 * ```
 */
export function application(name: string, define: (app: ApplicationBuilder) => void): Application {
  at(callerPlace(), () => {
    requireText("application", "name", name);
    requireFunction("application", "define", define, "(app) => { app.input(…); app.task(…); }");
  });
  // Declared twice, it may have opened something twice.
  const closers = new Closers();
  const declare = (carried?: readonly MessageText[]): Application => {
    const builder = new ApplicationBuilder(carried, closers);
    let missing: IsochronError | undefined;
    try {
      requireDeclared(name, define(builder));
    } catch (error) {
      // Where a built application runs there are no .msg files: `carrying` brings what they said.
      if (!(error instanceof IsochronError) || error.code !== "message/files") throw error;
      missing = error;
    }
    const declared: Application = {
      kind: "application",
      name,
      get declarations() {
        if (missing) throw missing;
        return builder;
      },
      // Where its own files told it everything, it is not declared, and nothing opened, a second time.
      carrying: (messages) => (missing ? declare(messages) : declared),
      close: (onSlow) => closers.close(onSlow),
    };
    return declared;
  };
  return declare();
}
