import type { ApprovalNews } from "#src/consent/feed.ts";
import { may } from "#src/identity/roles.ts";
import type { Exchange } from "../exchange.ts";
import { route } from "../route.ts";
import { renderWithSubject } from "./approval-view.ts";

/** Between two signs of life, in milliseconds; whoever watches is looked at again as often. */
const HEARTBEAT_MS = 15_000;
/** A stream ends after so long, in milliseconds: browsers come back by themselves, and are let in anew. */
const LIFETIME_MS = 300_000;
/** Texts that a watcher may leave unread before the stream ends. */
const MAX_UNREAD = 256;
const SILENCE_SECONDS = 60;

/** `GET /v1/admin/approvals/stream`: what becomes of approvals, as server-sent events (HTML standard, section 9.2). */
export const WATCH_APPROVALS = route({
  method: "GET",
  path: "/v1/admin/approvals/stream",
  summary: "Watch approvals being asked for, decided and used, as server-sent events",
  who: ["operator", "person"],
  permission: "approvals.read",
  produces: "text/event-stream",
  answers: { 200: "An event `approval` for each change, with the approval as the list shows it" },
  handle: async (exchange) => {
    const { tenant } = await exchange.manager();
    const { approvals, approvalFeed } = exchange.services;
    exchange.allowSilence(SILENCE_SECONDS);
    const render = async ({ approval, state, isEscalated }: ApprovalNews): Promise<string> => {
      const shown = await renderWithSubject(approvals, tenant, await approvals.show(tenant, approval));
      return `event: approval\ndata: ${JSON.stringify({ ...shown, state, is_escalated: isEscalated })}\n\n`;
    };
    const stream = openStream(exchange, (tell) =>
      approvalFeed.watch(tenant, (news) => {
        tell(render(news));
      }),
    );
    return { body: stream, contentType: "text/event-stream", headers: { "x-accel-buffering": "no" } };
  },
});

/** A stream of texts in the order that they were told in, until the watcher goes, may not watch any more, or its time is over. */
function openStream(
  exchange: Exchange,
  watch: (tell: (text: Promise<string>) => void) => () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let stop = (): void => undefined;
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        let last: Promise<void> = Promise.resolve();
        const send = (text: string): void => {
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(text));
          else end();
        };
        const tell = (text: Promise<string>): void => {
          last = last.then(async () => ((await mayWatch(exchange)) ? send(await text) : end())).catch(() => end());
        };
        const signal = exchange.waitSignal();
        const heartbeat = setInterval(() => tell(Promise.resolve(": alive\n\n")), HEARTBEAT_MS);
        const lifetime = setTimeout(() => end(), LIFETIME_MS);
        const unwatch = watch(tell);
        let isOpen = true;
        const end = (): void => {
          if (!isOpen) return;
          stop();
          try {
            controller.close();
          } catch {
            // The watcher has gone: the stream is over already.
          }
        };
        stop = () => {
          isOpen = false;
          clearInterval(heartbeat);
          clearTimeout(lifetime);
          unwatch();
          signal.removeEventListener("abort", end);
        };
        signal.addEventListener("abort", end, { once: true });
        controller.enqueue(encoder.encode("retry: 2000\n\n"));
        if (signal.aborted) end();
      },
      cancel: () => stop(),
    },
    new CountQueuingStrategy({ highWaterMark: MAX_UNREAD }),
  );
}

/** Whether the session still stands and its person may still see approvals. */
async function mayWatch({ caller, services }: Exchange): Promise<boolean> {
  if (caller.kind !== "person") return caller.kind === "operator";
  const now = await services.sessions.current(caller.principal);
  return now !== undefined && may(now.person.roles, "approvals.read");
}
