// Services and actions of pipelines.
export { actionCall, askAction, type GoalContext, type GoalNews, type GoalStep, serveAction } from "./action.ts";
export type { Answer, Call, CallRole, CallTopic } from "./call.ts";
export { askService, serveService, serviceCall } from "./service.ts";
