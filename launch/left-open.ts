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

/** What ends by itself once it has its turn, which it may not have had on a busy machine. */
const endsByItself = /^(Immediate|FSReq.*|CloseReq|TickObject)$/;

/**
 * One line that counts them by kind, or undefined where all there is will end by itself; names are Node's, of
 * `process.getActiveResourcesInfo()`.
 */
export function leftOpen(resources: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  const left = resources.filter((kind) => !own.includes(kind));
  if (left.length > 0 && left.every((kind) => endsByItself.test(kind))) return undefined;
  for (const each of left) {
    const kind = kinds[each] ?? each;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const what = [...counts].map(([kind, count]) => `${count} ${kind}${count === 1 ? "" : "s"}`).join(", ");
  return `the application has left open: ${what || "something"}; close it with app.closing(() => …)\n`;
}
