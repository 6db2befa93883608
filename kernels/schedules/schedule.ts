// What a generator may choose without changing a bit, named whole numbers, and those who choose.

/** One choice for each name, such as rows 2, columns 7. */
export type Schedule = { readonly [choice: string]: number };

/** What has to be chosen for a kernel. */
export interface Problem<S extends Schedule = Schedule> {
  /** The generator and the sizes that matter; the key of tables. */
  readonly name: string;
  /** The schedules that come into question, `usual` among them: each gives the same bits. */
  readonly legal: readonly S[];
  /** What the target's registers and caches suggest; taken where nothing better has been measured. */
  readonly usual: S;
}

/** Chooses a legal schedule of a problem, the same one whenever asked. */
export type Schedules = <S extends Schedule>(problem: Problem<S>) => S;

/** A problem and what was chosen for it. */
export interface Choice {
  readonly problem: Problem;
  readonly chosen: Schedule;
}

/** Measured schedules by the names of their problems. */
export type ScheduleTable = { readonly [problem: string]: Schedule };

/** Whether two schedules choose the same. */
export function sameSchedule(a: Schedule, b: Schedule): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** A problem whose legal schedules are `usual` and then the others, none twice. */
export function problemOf<S extends Schedule>(name: string, usual: S, others: readonly S[]): Problem<S> {
  const legal: S[] = [];
  for (const each of [usual, ...others]) if (!legal.some((known) => sameSchedule(known, each))) legal.push(each);
  return { name, legal, usual };
}

/** The usual schedule of every problem. */
export const usualSchedules: Schedules = ({ usual }) => usual;

/** The schedules of a table; the usual one of a problem that the table does not hold, or holds no legal schedule for. */
export const tabledSchedules =
  (table: ScheduleTable): Schedules =>
  ({ name, legal, usual }) => {
    const wanted = table[name];
    return (wanted && legal.find((each) => sameSchedule(each, wanted))) ?? usual;
  };

/** Schedules drawn from the legal ones, by the seed and the problem's name. */
export const drawnSchedules =
  (seed: number): Schedules =>
  ({ name, legal }) => {
    let state = seed >>> 0;
    for (const letter of name) state = Math.imul(state ^ letter.codePointAt(0)!, 0x01000193) >>> 0;
    // The low bits of that product depend on little; a second one spreads them.
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0;
    return legal[Math.floor((state / 2 ** 32) * legal.length)]!;
  };

/** A schedule as texts show it. */
export const printSchedule = (schedule: Schedule): string =>
  Object.entries(schedule)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
