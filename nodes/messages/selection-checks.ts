// What descriptions of messages may be given, checked where they are made.
import { z } from "zod";
import { arithmeticDtypes, checkArgument, hasKind, IsochronError, shown } from "../../kernels/index.ts";

const text = z.string().min(1);

/** Refuses an argument. Throws `message/argument`. */
export const argument = (what: string, name: string, schema: z.ZodType, given: unknown): void =>
  checkArgument("message", what, name, schema, given);

export const typeSchema = text.describe('the name of a message type, such as "sensor_msgs/msg/Imu"');
export const pathSchema = z.string().describe('the path of a field, such as "angular_velocity.z" or "ranges[*]"');
export const dtypeSchema = z.enum(arithmeticDtypes);
export const sizeSchema = z.tuple([z.int().min(1), z.int().min(1)]).describe("[height, width], whole numbers from 1");

/** Refuses selections that are none. Throws `message/argument`. */
export function checkSelections(what: string, selections: unknown): void {
  argument(what, "selections", z.looseObject({}).describe("an object: { NAME: field(PATH) }"), selections);
  for (const [name, each] of Object.entries(selections as object)) {
    const given: unknown = each;
    if (hasKind(given, "fields", "stamp", "count")) continue;
    const help =
      typeof given === "string"
        ? `take a field: field(${shown(given)})`
        : "it takes field(PATH), fields([…]), count(PATH) or stamp()";
    throw new IsochronError("message/argument", `${what}: ${name} cannot be ${shown(given)}`, { help });
  }
}
