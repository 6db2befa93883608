// Debian packages that steps of set-up need: which are missing, and their installation where the user is root.
import { spawnSync } from "node:child_process";

export const missingDebian = (packages) => {
  const answer = spawnSync("dpkg-query", ["-W", "-f", `\${Package} \${db:Status-Status}\n`, ...packages], {
    encoding: "utf8",
  });
  if (answer.error) return packages;
  const installed = new Set(
    answer.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return packages.filter((name) => !installed.has(name));
};

const installLine = (packages) => `apt-get install -y --no-install-recommends ${packages.join(" ")}`;

/** Thrown when a person has to do something first; printed without a stack. */
export class NeedsPerson extends Error {}

/** Installs what is missing; where the user is not root, throws what `refuse` makes of the line to run. */
export const installDebian = async (sh, packages, refuse) => {
  const missing = missingDebian(packages);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) throw refuse(`sudo ${installLine(missing)}`);
  const apt = ["-o", "DPkg::Lock::Timeout=240"];
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await sh("apt-get", [...apt, "update"], { env });
  await sh("apt-get", [...apt, "install", "-y", "--no-install-recommends", ...missing], { env });
};
