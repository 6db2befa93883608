// What keeps a process from ending after its command has: what an application has opened and not closed.

const kinds: Readonly<Record<string, string>> = {
  Timeout: "timer",
  TCPSocketWrap: "TCP connection",
  TCPServerWrap: "TCP server",
  PipeServerWrap: "pipe's server",
  UDPWrap: "UDP socket",
  ProcessWrap: "child process",
  MessagePort: "worker or message port",
  FSEventWrap: "watched file",
  StatWatcher: "watched file",
};

/** What the process itself has: its standard streams. */
const own = ["PipeWrap", "TTYWrap"];

/** One line that counts them by kind; names are Node's, of `process.getActiveResourcesInfo()`. */
export function leftOpen(resources: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const each of resources.filter((kind) => !own.includes(kind))) {
    const kind = kinds[each] ?? each;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const what = [...counts].map(([kind, count]) => `${count} ${kind}${count === 1 ? "" : "s"}`).join(", ");
  return `the application has left open: ${what || "something"}; close it with app.closing(() => …)\n`;
}
