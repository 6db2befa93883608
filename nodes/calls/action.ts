// Actions of pipelines: a handler whose stream is a goal's feedback and result, and a function that sends goals to others.
import { randomBytes } from "node:crypto";
import { Observable, Subject, Subscription } from "rxjs";
import { IsochronError } from "../../kernels/index.ts";
import { goalStatus, outcomeOf, partsOf } from "../middleware/actions.ts";
import type { AcceptedGoal, ActionClient, GoalOutcome } from "../middleware/transport.ts";
import type { LogicalClock } from "../streams/clock.ts";
import type { StreamRun } from "../streams/hub.ts";
import { type Call, type CallRole, handlerFailed, notAnswered, notCarried } from "./call.ts";

/** What a handler emits of a goal: feedback as it goes on, and its result once, at the end. */
export type GoalStep<Feedback, Result> =
  | { readonly feedback: Feedback }
  /** It has succeeded; where it was to be given up, it is given up with this result. */
  | { readonly result: Result }
  /** It could not be reached. */
  | { readonly aborted: Result };

/** What a handler knows of a goal besides its message. */
export interface GoalContext {
  /** Emits when the goal is to be given up. Where no result is emitted at once, the handler's stream is unsubscribed. */
  readonly cancel: Observable<void>;
}

/** What becomes of a goal that was sent. */
export type GoalNews<Feedback, Result> =
  | { readonly feedback: Feedback }
  | { readonly result: Result; readonly outcome: GoalOutcome };

/** The topics of an action in a recording. */
export function actionCall(name: string, type: string, role: CallRole): Call {
  const topic = (part: string, of: string) => ({ topic: `${name}/_action/${part}`, type: of });
  const asks = [topic("goal", `${type}_SendGoal_Request`), topic("cancel", "unique_identifier_msgs/msg/UUID")];
  const tells = [topic("feedback", `${type}_FeedbackMessage`), topic("result", `${type}_GetResult_Response`)];
  const accepted = topic("accepted", `${type}_SendGoal_Response`);
  return role === "server"
    ? { name, type, role, enters: asks, leaves: [...tells, accepted] }
    : { name, type, role, enters: [...tells, accepted], leaves: asks };
}

/** The id of a goal that was refused: nobody asks for it again, and not every transport says it. */
const noId = new Uint8Array(16);

interface Sent<M> {
  readonly goal_id: { readonly uuid: Uint8Array };
  readonly goal: M;
}

/** Serves an action during a run. */
export function serveAction<Goal, Feedback extends object, Result extends object>(
  call: Call,
  handler: (goal: Goal, context: GoalContext) => Observable<GoalStep<Feedback, Result>>,
  accepts: (goal: Goal) => boolean,
): (run: StreamRun) => Subscription {
  const [goalTopic, cancelTopic] = call.enters.map(({ topic }) => topic) as [string, string];
  const [feedbackTopic, resultTopic, acceptedTopic] = call.leaves.map(({ topic }) => topic) as [string, string, string];
  return (run) => {
    const open = new Subscription();
    const failed = (cause: unknown) => handlerFailed(run, call, cause);
    const end = run.callEnd(call);
    const parts = partsOf(end);
    const execute = (goal: Goal, accepted: AcceptedGoal) => {
      const goal_id = { uuid: accepted.id };
      const cancel = new Subject<void>();
      const running = new Subscription();
      open.add(running);
      let [isOver, isCanceled] = [false, false];
      const finish = (outcome: GoalOutcome, result: object) => {
        isOver = true;
        run.send(resultTopic, { status: goalStatus[outcome], result });
        accepted.end(outcome, parts.result.write(result));
        open.remove(running);
        running.unsubscribe();
      };
      const take = (step: GoalStep<Feedback, Result>) => {
        if (isOver) return;
        if ("feedback" in step) {
          run.send(feedbackTopic, { goal_id, feedback: step.feedback });
          accepted.feedback(parts.feedback.write(step.feedback));
        } else if ("aborted" in step) finish("aborted", step.aborted);
        else finish(isCanceled ? "canceled" : "succeeded", step.result);
      };
      const guarded =
        <T extends unknown[]>(body: (...given: T) => void) =>
        (...given: T): void => {
          try {
            body(...given);
          } catch (cause) {
            failed(cause);
          }
        };
      accepted.onCancel(() =>
        run.receive(
          cancelTopic,
          parts.id.write(goal_id),
          guarded(() => {
            if (isOver || isCanceled) return;
            isCanceled = true;
            cancel.next();
            if (!isOver) finish("canceled", {});
          }),
        ),
      );
      guarded(() =>
        running.add(
          handler(goal, { cancel }).subscribe({
            next: guarded(take),
            error: failed,
            complete: () => {
              if (isOver) return;
              if (isCanceled) finish("canceled", {});
              else failed(new Error("a goal's stream has ended without a result"));
            },
          }),
        ),
      )();
    };
    /** Lets a goal enter with what is said to it, taken on or not. */
    const enter = (uuid: Uint8Array, goal: object, answer: boolean, then: (goal: Goal) => void) =>
      run.receive(goalTopic, parts.sendGoal.write({ goal_id: { uuid }, goal }), (message) => {
        run.send(acceptedTopic, { accepted: answer });
        then((message as Sent<Goal>).goal);
      });
    const served = run.calls?.serveAction(end, {
      accepts: (bytes) => {
        const goal = parts.goal.read(bytes);
        let isAccepted = false;
        try {
          isAccepted = accepts(goal as Goal);
        } catch (cause) {
          failed(cause);
        }
        if (!isAccepted) enter(noId, goal, false, () => undefined);
        return isAccepted;
      },
      start: (accepted) => enter(accepted.id, parts.goal.read(accepted.goal), true, (goal) => execute(goal, accepted)),
    });
    open.add(() => served?.close());
    return open;
  };
}

/** What sends goals of an action: `begin` joins a run, `ask` sends a goal of it. */
export function askAction<Goal extends object, Feedback, Result>(call: Call, clock: LogicalClock, timeoutMs: number) {
  const [feedbackTopic, resultTopic, acceptedTopic] = call.enters.map(({ topic }) => topic) as [string, string, string];
  const [goalTopic, cancelTopic] = call.leaves.map(({ topic }) => topic) as [string, string];
  let joined: { readonly run: StreamRun; readonly client: ActionClient } | undefined;
  const begin = (run: StreamRun): Subscription => {
    const client = run.calls?.actionClient(run.callEnd(call));
    joined = client && { run, client };
    return new Subscription(() => {
      joined = undefined;
      client?.close();
    });
  };
  const ask = (goal: Goal): Observable<GoalNews<Feedback, Result>> =>
    new Observable((out) => {
      if (!joined) return out.error(notCarried(call));
      const { run, client } = joined;
      const parts = partsOf(run.callEnd(call));
      const goal_id = { uuid: Uint8Array.from(randomBytes(16)) };
      let isOver = false;
      const waiting = clock.schedule(() => out.error(notAnswered(call, client.there, timeoutMs)), timeoutMs);
      out.add(waiting);
      run.send(goalTopic, { goal_id, goal });
      const enters = <M>(topic: string, bytes: Uint8Array, take: (message: M) => void) => {
        if (!out.closed) run.receive(topic, bytes, (message) => take(message as M));
      };
      const giveUp = client.send(goal_id.uuid, parts.goal.write(goal), {
        accepted: (isAccepted) => {
          waiting.unsubscribe();
          enters<{ readonly accepted: boolean }>(
            acceptedTopic,
            parts.accepted.write({ accepted: isAccepted }),
            ({ accepted }) => {
              if (accepted) return;
              isOver = true;
              out.error(rejected(call));
            },
          );
        },
        feedback: (message) => {
          const told = parts.told.write({ goal_id, feedback: parts.feedback.read(message) });
          enters<{ readonly feedback: Feedback }>(feedbackTopic, told, ({ feedback }) => out.next({ feedback }));
        },
        ended: (outcome, message) => {
          const ended = parts.ended.write({ status: goalStatus[outcome], result: parts.result.read(message) });
          enters<{ readonly status: number; readonly result: Result }>(resultTopic, ended, ({ status, result }) => {
            isOver = true;
            out.next({ result, outcome: outcomeOf(status) ?? "aborted" });
            out.complete();
          });
        },
      });
      out.add(() => {
        if (isOver || !joined) return;
        run.send(cancelTopic, goal_id);
        giveUp();
      });
    });
  return { begin, ask };
}

const rejected = ({ name }: Call): IsochronError =>
  new IsochronError("call/rejected", `${name} has not accepted the goal`, {
    help: "what serves it says why; handle the error (catchError)",
  });
