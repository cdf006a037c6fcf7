import { systemClock } from "#src/base/clock.ts";
import { messageOf } from "#src/base/errors.ts";
import { loadShellClassifier } from "#src/classify/classify-shell.ts";
import type { AgentCaller } from "../agent-caller.ts";
import { ADAPTERS, MAX_PAYLOAD_BYTES, MAX_WAIT_SECONDS } from "../hook/adapters.ts";
import { answerPayload } from "../hook/answer-payload.ts";
import { openHookState } from "../hook/state.ts";

/**
 * Answers the hooks of one run in this process, which has everything loaded: `writ hook` then carries the payload here and the
 * answer back, and nothing else. Whoever reaches the socket asks in this run and as its agent, as with the key itself.
 *
 * @returns what ends it
 */
export function startHookHelper(
  { api, scope }: Pick<AgentCaller, "api" | "scope">,
  run: string,
  socket: string,
): () => void {
  const state = openHookState();
  const adapters = new Map(ADAPTERS.map((adapter) => [`/${adapter.name}`, adapter]));
  // Loaded while the agent starts.
  void loadShellClassifier();
  const server = Bun.serve({
    unix: socket,
    development: false,
    maxRequestBodySize: MAX_PAYLOAD_BYTES,
    fetch: async (request, self) => {
      // Whoever waits for a person hears nothing until then.
      self.timeout(request, 0);
      const { pathname, searchParams } = new URL(request.url);
      const adapter = adapters.get(pathname);
      if (adapter === undefined) return new Response("there are no hooks of such an agent", { status: 404 });
      const waitSeconds = Math.min(Number(searchParams.get("wait") ?? "0") || 0, MAX_WAIT_SECONDS);
      const ground = { adapter, api, state, now: () => systemClock.now(), run, scope, waitSeconds };
      try {
        return Response.json(await answerPayload(ground, new Uint8Array(await request.arrayBuffer())));
      } catch (error) {
        return new Response(messageOf(error), { status: 400 });
      }
    },
    error: () => new Response("the hook could not be answered", { status: 500 }),
  });
  return () => void server.stop(true);
}
