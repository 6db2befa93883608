// Runs steps side by side, each as soon as what it needs is done; after a failure no other begins.

/** Runs `run(step)` of each step when those that it `needs`, by name and listed before it, are done; throws the first failure when all that began have ended. */
export async function sideBySide(steps, run) {
  const failures = [];
  const ends = new Map();
  for (const step of steps) {
    const before = (step.needs ?? []).map((name) => {
      if (!ends.has(name)) throw new Error(`${step.name} needs ${name}, which is no step before it`);
      return ends.get(name);
    });
    const end = Promise.all(before).then(async () => {
      if (failures.length > 0) return;
      try {
        await run(step);
      } catch (error) {
        failures.push(error);
      }
    });
    ends.set(step.name, end);
  }
  await Promise.all(ends.values());
  if (failures.length > 0) throw failures[0];
}
