import { toBase64, utf8 } from "#src/base/bytes.ts";
import { randomBytes } from "#src/crypto/random.ts";

/** A call that reached the upstream. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** A small server that speaks a few of GitHub's routes, to whoever has its token and to nobody else. */
export interface DemoUpstream {
  readonly origin: string;
  /** Its credential: whoever has it may do anything here. */
  readonly token: string;
  /** A secret of somebody else's, which stands in one of its answers. */
  readonly leakedSecret: string;
  /** What was done with the token. */
  readonly calls: readonly SeenCall[];
  stop(): void;
}

/** Starts the server on a free port of loopback. */
export function startUpstream(): DemoUpstream {
  const token = `gh-demo-${toBase64(randomBytes(24)).replaceAll(/[+/=]/g, "x")}`;
  const leakedSecret = `ghp_${toBase64(randomBytes(36)).replaceAll(/[+/=]/g, "x").slice(0, 36)}`;
  const calls: SeenCall[] = [];
  const answers = routes(leakedSecret);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const authorization = request.headers.get("authorization") ?? "";
      if (authorization !== `Bearer ${token}`) return problem(401, "Bad credentials");
      const { pathname: path } = new URL(request.url);
      const { method } = request;
      calls.push({ method, path, body: await request.text() });
      const answer = answers.get(`${method} ${path}`);
      return answer === undefined ? problem(404, "Not Found") : answer(authorization);
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    token,
    leakedSecret,
    calls,
    stop: () => void server.stop(true),
  };
}

/** Whom an answer goes to is all that it depends on. */
function routes(leakedSecret: string): ReadonlyMap<string, (authorization: string) => Response> {
  const repository = "/repos/acme/app";
  return new Map<string, (authorization: string) => Response>([
    [`GET ${repository}/issues`, () => Response.json([{ number: 7, title: "It does not build" }])],
    [`POST ${repository}/issues`, () => Response.json({ number: 8, state: "open" }, { status: 201 })],
    [
      `GET ${repository}/issues/7`,
      // A careless reporter, and a debugging server that echoes what it was sent: plain, and encoded.
      (authorization) =>
        Response.json({
          number: 7,
          title: "It does not build",
          body: `CI says: remote: https://x-access-token:${leakedSecret}@github.example/acme/app`,
          debug: { request_headers: { authorization }, encoded: toBase64(utf8(authorization.slice(7))) },
        }),
    ],
    [`POST ${repository}/actions/workflows/deploy.yml/dispatches`, () => new Response(null, { status: 204 })],
    [`DELETE ${repository}`, () => new Response(null, { status: 204 })],
    ["GET /repos/acme/plans", () => Response.json({ name: "plans", private: true })],
  ]);
}

function problem(status: number, message: string): Response {
  return Response.json({ message }, { status });
}
