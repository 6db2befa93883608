// The topics of a log: channels and files that carry the same joined, and found by name.
import { IsochronError } from "../../kernels/index.ts";
import { fullTypeName, sameTypeName } from "../../nodes/index.ts";
import { hasDefinition, schemaDifference, type TopicSchema, topicDefinitions } from "./schema.ts";

/** A topic of a log. */
export interface LogTopic extends TopicSchema {
  /** Messages on it. */
  readonly count: number;
}

/** Whether two channels of one topic carry the same: their definitions may differ in words, or one may have none. */
function carrySame(one: LogTopic, other: LogTopic): boolean {
  if (one.encoding !== other.encoding || !sameTypeName(one.type, other.type)) return false;
  if (one.schemaEncoding === other.schemaEncoding && one.schemaText === other.schemaText) return true;
  if (one.encoding !== "cdr") return false;
  if (!hasDefinition(one) || !hasDefinition(other)) return true;
  try {
    return differenceOf(one, other) === undefined;
  } catch {
    // What cannot be read is only the same where its text is.
    return false;
  }
}

const differenceOf = (one: LogTopic, other: LogTopic) =>
  schemaDifference(one.type, topicDefinitions(one), other.type, topicDefinitions(other));

/** One row for each topic and what it carries, by their names: several publishers, and several files, have channels of their own. */
export function joinTopics(rows: readonly LogTopic[]): LogTopic[] {
  const joined = new Map<string, LogTopic[]>();
  for (const row of rows) {
    const same = joined.get(row.topic) ?? [];
    joined.set(row.topic, same);
    const at = same.findIndex((each) => carrySame(each, row));
    if (at < 0) same.push(row);
    else {
      const [first, count] = [same[at]!, same[at]!.count + row.count];
      same[at] = { ...(hasDefinition(row) && !hasDefinition(first) ? row : first), count };
    }
  }
  return [...joined.values()].flat().sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0));
}

/** A topic by its name. Throws `log/missing-topic`, which lists those that are there, and `log/ambiguous-topic`. */
export function findTopic(path: string, topics: readonly LogTopic[], name: string): LogTopic {
  const [found, ...others] = topics.filter(({ topic }) => topic === name);
  if (!found) {
    const names = topics.map(({ topic, type, count }) => `${topic}  ${type}, ${count} messages`);
    throw new IsochronError("log/missing-topic", `${path} has no topic ${name}`, {
      details: names.length > 0 ? ["it has", ...names] : ["it has no topics"],
      help: "name one of its topics",
    });
  }
  if (others.length === 0) return found;
  throw new IsochronError("log/ambiguous-topic", `${name} carries messages of several kinds in ${path}`, {
    details: [
      ...[found, ...others].map(
        ({ type, encoding, count }) => `${fullTypeName(type)} as ${encoding}, ${count} messages`,
      ),
      ...others.flatMap((other) => differenceIn(found, other)),
    ],
    help: "a topic's messages are of one type and one definition; split the log: mcap filter",
  });
}

/** Where the definitions of one type first differ, in words. */
function differenceIn(one: LogTopic, other: LogTopic): string[] {
  if (!sameTypeName(one.type, other.type)) return [];
  try {
    const difference = differenceOf(one, other);
    return difference
      ? [`their definitions differ first at ${difference.field}: ${difference.left}, ${difference.right}`]
      : [];
  } catch {
    return [];
  }
}
