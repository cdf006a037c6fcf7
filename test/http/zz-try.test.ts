import { test } from "bun:test";
import { settle, startEdge } from "./support.ts";

test("try", async () => {
  const edge = await startEdge();
  const h = await settle(edge);
  const show = (a: any) => console.log(a.status, a.text.slice(0, 900), JSON.stringify([...a.headers]).slice(0, 700));
  show(await edge.ask("GET", "/healthz"));
  show(await edge.ask("GET", "/readyz"));
  show(await edge.ask("POST", "/v1/authorize", { token: h.key, body: { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } } }));
  show(await edge.ask("POST", "/v1/authorize", { token: h.key, body: { call: { connection: "api", method: "DELETE", path: "/a" } } }));
  show(await edge.ask("GET", "/v1/proxy/api/x?y=1", { token: h.key }));
  show(await edge.ask("DELETE", "/v1/proxy/api/x", { token: h.key }));
  show(await edge.ask("GET", "/nope"));
  show(await edge.ask("POST", "/v1/proxy", { body: {} }));
  show(await edge.ask("PUT", "/v1/authorize"));
  show(await edge.operate("GET", "/v1/audit/events?limit=2"));
  show(await edge.operate("GET", "/v1/audit/export"));
  await edge.stop();
}, 20000);
