// Services and actions as message types: the parts of their files, and the types that ROS 2 makes of the parts.
import type { MessageText } from "./parse.ts";

/** A file of definitions: what it is of, and whose. */
export interface InterfaceText extends MessageText {
  readonly kind: "msg" | "srv" | "action";
}

/** What ROS 2 puts around a service's request and response where it tells of calls (`/service/_service_event`). */
const event = (type: string): MessageText => ({
  type: `${type}_Event`,
  text: `service_msgs/ServiceEventInfo info\n${type}_Request[<=1] request\n${type}_Response[<=1] response`,
});

/**
 * The message types that a file defines: a .msg file its own; a .srv file `Name_Request`, `Name_Response` and `Name_Event`;
 * an .action file `Name_Goal`, `Name_Result`, `Name_Feedback` and those that go over its topics and services, such as
 * `Name_FeedbackMessage`. Throws an error where the file has not as many parts.
 */
export function messagesOf({ kind, type, text, ...rest }: InterfaceText): MessageText[] {
  if (kind === "msg") return [{ type, text, ...rest }];
  const names = kind === "srv" ? ["Request", "Response"] : ["Goal", "Result", "Feedback"];
  const parts = partsOf(text);
  if (parts.length !== names.length) {
    throw new Error(
      `it has ${parts.length} part${parts.length === 1 ? "" : "s"} between lines of ---, not ${names.length}`,
    );
  }
  const own = names.map((name, at) => ({ type: `${type}_${name}`, ...rest, ...parts[at]! }));
  if (kind === "srv") return [...own, event(type)];
  const around = (name: string, fields: string): MessageText => ({ type: `${type}_${name}`, text: fields });
  return [
    ...own,
    around("SendGoal_Request", `unique_identifier_msgs/UUID goal_id\n${type}_Goal goal`),
    around("SendGoal_Response", "bool accepted\nbuiltin_interfaces/Time stamp"),
    event(`${type}_SendGoal`),
    around("GetResult_Request", "unique_identifier_msgs/UUID goal_id"),
    around("GetResult_Response", `int8 status\n${type}_Result result`),
    event(`${type}_GetResult`),
    around("FeedbackMessage", `unique_identifier_msgs/UUID goal_id\n${type}_Feedback feedback`),
  ];
}

/** The text between lines of three hyphens, each with the number of its first line. */
function partsOf(text: string): { readonly text: string; readonly line: number }[] {
  const parts: { lines: string[]; line: number }[] = [{ lines: [], line: 1 }];
  text.split(/\r\n|\n|\r/).forEach((line, at) => {
    if (isSeparator(line)) parts.push({ lines: [], line: at + 2 });
    else parts.at(-1)!.lines.push(line);
  });
  return parts.map(({ lines, line }) => ({ text: lines.join("\n"), line }));
}

const isSeparator = (line: string): boolean => /^\s*---\s*$/.test(line);

/** The kind of file that a text is the contents of, told by its parts. */
export function kindOf(text: string): InterfaceText["kind"] {
  const separators = text.split(/\r\n|\n|\r/).filter(isSeparator).length;
  return separators === 0 ? "msg" : separators === 1 ? "srv" : "action";
}

/** The service or action that a type is a part of: `pkg/srv/Name` of `pkg/srv/Name_Request`. */
export const wholeOf = (type: string): string =>
  type.replace(/(_SendGoal|_GetResult)?_(Request|Response|Event|Goal|Result|Feedback|FeedbackMessage)$/, "");
