import { type BenchServer, bench, median, print, runLoad, startWrit } from "./harness.ts";

// What Writ adds to one call over loopback: one connection, one call at a time, an answer of 1 KiB of JSON. The direct call
// and the two through Writ take turns.

const ROUNDS = 5;
const SECONDS = 0.8;
const WARM_UP_SECONDS = 2;
const CONNECTION = "upstream";
const PATH = "/items/1";
const ANSWER = JSON.stringify({ item: "0123456789abcdef ".repeat(60) })
  .slice(0, 1022)
  .padEnd(1022, " ");

/** Latencies in milliseconds, the median over rounds of each round's median. */
async function measure(ports: { direct: number; writ: number }, key: string, writ: string) {
  const get = (port: number, path: string, headers: readonly string[]) => ({
    port,
    connections: 1,
    seconds: SECONDS,
    request: `${[`GET ${path} HTTP/1.1`, `host: 127.0.0.1:${port}`, ...headers].join("\r\n")}\r\n\r\n`,
    expect: "0123456789abcdef",
  });
  const through = `/v1/proxy/${CONNECTION}${PATH}`;
  const orders = [
    get(ports.direct, PATH, []),
    get(ports.writ, through, [`authorization: Bearer ${key}`]),
    get(ports.writ, through, [`authorization: Bearer ${writ}`]),
  ];
  for (const order of orders) await runLoad({ ...order, seconds: WARM_UP_SECONDS });
  const latencies: number[][] = orders.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, order] of orders.entries()) latencies[i]?.push((await runLoad(order)).p50);
  }
  return latencies.map(median);
}

/** A writ for reading, good for this call until it expires. */
async function mintWrit({ server }: BenchServer, key: string): Promise<string> {
  const response = await fetch(`${server.address}/v1/authorize`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ call: { connection: CONNECTION, method: "GET", path: PATH }, ttl_seconds: 300 }),
  });
  const { writ } = (await response.json()) as { readonly writ?: string };
  if (writ === undefined) throw new Error("no writ");
  return writ;
}

await bench(async () => {
  const upstream = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(ANSWER, { headers: { "content-type": "application/json" } }),
  });
  const direct = upstream.port ?? 0;
  const writ = await startWrit({ WRIT_ALLOW_RANGES: "127.0.0.0/8" });
  const key = await writ.createAgent("builder");
  await writ.admin("POST", "/v1/admin/connections", {
    name: CONNECTION,
    connector: "http",
    url: `http://127.0.0.1:${direct}`,
    credential: { kind: "bearer", value: "upstream-token-of-the-benchmark" },
  });
  const source = `permit(principal == Agent::"builder", action == Action::"/http/${CONNECTION}/get", resource);`;
  await writ.admin("PUT", "/v1/admin/policies", { source, message: "bench" });
  const [alone, withKey, withWrit] = (await measure({ direct, writ: writ.port }, key, await mintWrit(writ, key))) as [
    number,
    number,
    number,
  ];
  print("proxy.direct", alone, "ms");
  print("proxy.with_key.added", withKey - alone, "ms", { name: "at most", value: 1 });
  print("proxy.with_writ.added", withWrit - alone, "ms", { name: "at most", value: 1 });
  await upstream.stop(true);
});
