import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer, listenerAddresses } from "#src/io/dial.ts";
import { call, failureOf, loopbackDialer, textOf, until } from "./calls.ts";
import { createTestAuthority } from "./certificates.ts";
import { always, OK, type RawUpstream, startRawUpstream } from "./raw-upstream.ts";

let upstream: RawUpstream;
beforeAll(async () => {
  upstream = await startRawUpstream(always(OK));
});
afterAll(() => upstream.stop());

const refusing = createAddressPolicy({ grantedRanges: [], ownAddresses: [] });

describe("names", () => {
  test("are resolved once for a connection, which goes to what was checked", async () => {
    // The second look-up would give an address where nobody listens.
    const answers = [["127.0.0.1"], ["127.0.0.99"]];
    let asked = 0;
    const dialer = loopbackDialer({ resolve: async () => answers[asked++] ?? [] });
    const response = await call(dialer, `http://rebinding.example:${upstream.port}`);
    expect(await textOf(response)).toBe("hi");
    expect(response.remoteAddress).toBe("127.0.0.1");
    expect(asked).toBe(1);
    expect(upstream.received.at(-1)).toStartWith(`GET / HTTP/1.1\r\nHost: rebinding.example:${upstream.port}\r\n`);
    dialer.close();
  });

  test("public at first and private at the second look-up: the second connection is refused", async () => {
    let asked = 0;
    const checked: string[] = [];
    const dialer = createDialer({
      addressPolicy: {
        check(address, port) {
          checked.push(address);
          return address === "127.0.0.1" ? { ok: true } : refusing.check(address, port);
        },
      },
      resolve: async () => (asked++ === 0 ? ["127.0.0.1"] : ["10.0.0.7"]),
    });
    const origin = `http://rebinding.example:${upstream.port}`;
    expect(await textOf(await call(dialer, origin, { reuseKey: "a" }))).toBe("hi");
    const failure = await failureOf(call(dialer, origin, { reuseKey: "b" }));
    expect(failure).toMatchObject({ code: "destination_refused", details: { sent: false } });
    expect([asked, checked]).toEqual([2, ["127.0.0.1", "10.0.0.7"]]);
    dialer.close();
  });

  test.each([
    [["8.8.8.8", "10.0.0.1"]],
    [["10.0.0.1", "8.8.8.8"]],
    [["8.8.8.8", "::ffff:169.254.169.254"]],
    [["2606:4700::1111", "fd00::1"]],
    [["8.8.8.8", "fe80::1%eth0"]],
    [["8.8.8.8", "not an address"]],
  ])("with one refused address among %j are refused", async (addresses) => {
    const dialer = createDialer({ addressPolicy: refusing, resolve: async () => addresses });
    expect(await failureOf(call(dialer, "https://mixed.example"))).toMatchObject({
      code: "destination_refused",
      details: { sent: false },
    });
  });

  test("that do not resolve, resolve to nothing or never answer", async () => {
    const failing = loopbackDialer({ resolve: () => Promise.reject(new Error("ENOTFOUND")) });
    expect(await failureOf(call(failing, "http://a.example"))).toMatchObject({
      code: "upstream_failed",
      details: { sent: false },
    });
    const empty = loopbackDialer({ resolve: async () => [] });
    expect((await failureOf(call(empty, "http://a.example"))).code).toBe("upstream_failed");
    const silent = loopbackDialer({ resolve: () => new Promise(() => undefined) });
    const failure = await failureOf(call(silent, "http://a.example", { limits: { connectMs: 50 } }));
    expect(failure).toMatchObject({ code: "timeout", details: { sent: false } });
  });

  test("with several addresses: the next is tried when one does not answer", async () => {
    const dialer = loopbackDialer({ resolve: async () => ["127.0.0.98", "127.0.0.1"] });
    const response = await call(dialer, `http://two.example:${upstream.port}`);
    expect(response.remoteAddress).toBe("127.0.0.1");
    await textOf(response);
    dialer.close();
  });

  test("localhost never reaches a resolver", async () => {
    const dialer = loopbackDialer({ resolve: async () => ["8.8.8.8"] });
    expect((await call(dialer, `http://localhost:${upstream.port}`)).remoteAddress).toBe("127.0.0.1");
    dialer.close();
  });
});

test.each([
  "127.0.0.1",
  "0x7f000001",
  "2130706433",
  "0177.0.0.1",
  "127.1",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "169.254.169.254",
  "[64:ff9b::a00:1]",
  "localhost",
  "0.0.0.0",
])("the host `%s` is refused without a grant", async (host) => {
  const dialer = createDialer({ addressPolicy: refusing, resolve: () => Promise.reject(new Error("asked")) });
  const failure = await failureOf(call(dialer, `http://${host}:${upstream.port}`));
  expect(failure).toMatchObject({ code: "destination_refused", details: { sent: false } });
});

test("Writ's own listener is refused in a granted range, under every loopback address", async () => {
  const dialer = loopbackDialer({ ownAddresses: listenerAddresses({ address: "0.0.0.0", port: upstream.port }) });
  for (const host of ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"]) {
    expect((await failureOf(call(dialer, `http://${host}:${upstream.port}`))).code).toBe("destination_refused");
  }
});

test("a port where nobody listens", async () => {
  const gone = await startRawUpstream(always(OK));
  gone.stop();
  const failure = await failureOf(call(loopbackDialer(), gone.origin));
  expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: false } });
});

describe("TLS", () => {
  const authority = createTestAuthority();
  const dialer = loopbackDialer({ resolve: async () => ["127.0.0.1"], caCertificates: [authority.ca] });
  let server: RawUpstream;
  beforeAll(async () => {
    server = await startRawUpstream(always(OK), { tls: authority.issue({ dns: "up.example", ip: [127, 0, 0, 1] }) });
  });
  afterAll(() => {
    server.stop();
    dialer.close();
  });

  test("verifies the certificate against the origin's name", async () => {
    expect(await textOf(await call(dialer, `https://up.example:${server.port}`))).toBe("hi");
    const failure = await failureOf(call(dialer, `https://other.example:${server.port}`));
    expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: false } });
  });

  test("verifies it against an address where the origin has one", async () => {
    expect(await textOf(await call(dialer, `https://127.0.0.1:${server.port}`))).toBe("hi");
    const unnamed = await startRawUpstream(always(OK), { tls: authority.issue({ dns: "up.example" }) });
    expect((await failureOf(call(dialer, `https://127.0.0.1:${unnamed.port}`))).code).toBe("upstream_failed");
    expect(unnamed.received.join("")).toBe("");
    unnamed.stop();
  });

  test("refuses an authority that is not trusted, whatever the environment says", async () => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      for (const caCertificates of [[], [createTestAuthority().ca]]) {
        const other = loopbackDialer({ resolve: async () => ["127.0.0.1"], caCertificates });
        const failure = await failureOf(call(other, `https://up.example:${server.port}`));
        expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: false } });
      }
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  test("an answer that only the closing ends is not taken as whole", async () => {
    const closing = await startRawUpstream(always("HTTP/1.1 200 OK\r\n\r\npartial", "close"), {
      tls: authority.issue({ dns: "up.example" }),
    });
    const failure = await failureOf(call(dialer, `https://up.example:${closing.port}`));
    expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: true } });
    closing.stop();
  });

  test("a server that accepts and never shakes hands runs into the time", async () => {
    const mute = await startRawUpstream(() => undefined);
    const failure = await failureOf(call(dialer, `https://up.example:${mute.port}`, { limits: { connectMs: 60 } }));
    expect(failure).toMatchObject({ code: "timeout", details: { sent: false } });
    await until(() => mute.closed() === 1);
    mute.stop();
  });
});

/** A CONNECT proxy that takes every name to 127.0.0.1. */
async function startProxy(answer = "HTTP/1.1 200 Connection established\r\n\r\n", tls?: { key: string; cert: string }) {
  return startRawUpstream(
    (socket, received) => {
      const port = /^CONNECT \S+:(\d+) HTTP\/1\.1\r\n/.exec(received)?.[1];
      if (port === undefined || !received.endsWith("\r\n\r\n")) return;
      socket.removeAllListeners("data");
      if (!answer.includes(" 200 ")) {
        socket.end(answer);
        return;
      }
      const onward = connect(Number(port), "127.0.0.1", () => {
        socket.write(answer);
        socket.pipe(onward);
        onward.pipe(socket);
      });
      onward.on("error", () => socket.destroy());
      socket.on("close", () => onward.destroy());
    },
    tls === undefined ? {} : { tls },
  );
}

describe("through a proxy", () => {
  const authority = createTestAuthority();
  const neverAsked = () => Promise.reject(new Error("names are the proxy's"));

  test("names are the proxy's to resolve, and the tunnel carries both schemes", async () => {
    const proxy = await startProxy();
    const secure = await startRawUpstream(always(OK), { tls: authority.issue({ dns: "up.example" }) });
    const dialer = loopbackDialer({
      resolve: neverAsked,
      proxy: new URL(`http://user:p%40ss@127.0.0.1:${proxy.port}`),
      caCertificates: [authority.ca],
    });
    const plain = await call(dialer, `http://up.example:${upstream.port}`);
    expect([await textOf(plain), plain.remoteAddress]).toEqual(["hi", null]);
    expect(await textOf(await call(dialer, `https://up.example:${secure.port}`))).toBe("hi");
    expect((await failureOf(call(dialer, `https://other.example:${secure.port}`))).code).toBe("upstream_failed");
    expect(proxy.received[0]).toBe(
      `CONNECT up.example:${upstream.port} HTTP/1.1\r\nHost: up.example:${upstream.port}\r\n` +
        `Proxy-Authorization: Basic ${btoa("user:p@ss")}\r\n\r\n`,
    );
    expect(secure.received[0]).not.toContain("Proxy-Authorization");
    dialer.close();
    proxy.stop();
    secure.stop();
  });

  test("addresses that stand in the origin are still checked", async () => {
    const proxy = await startProxy();
    const dialer = createDialer({ addressPolicy: refusing, proxy: new URL(`http://127.0.0.1:${proxy.port}`) });
    for (const host of ["10.0.0.1", "127.0.0.1", "[::1]", "169.254.169.254", "localhost"]) {
      expect((await failureOf(call(dialer, `http://${host}`))).code).toBe("destination_refused");
    }
    expect(proxy.received).toEqual([]);
    proxy.stop();
  });

  test("a proxy that is itself https", async () => {
    const proxy = await startProxy(undefined, authority.issue({ ip: [127, 0, 0, 1] }));
    const secure = await startRawUpstream(always(OK), { tls: authority.issue({ dns: "up.example" }) });
    const dialer = loopbackDialer({
      proxy: new URL(`https://127.0.0.1:${proxy.port}`),
      caCertificates: [authority.ca],
    });
    expect(await textOf(await call(dialer, `http://up.example:${upstream.port}`))).toBe("hi");
    expect(await textOf(await call(dialer, `https://up.example:${secure.port}`))).toBe("hi");
    dialer.close();
    proxy.stop();
    secure.stop();
  });

  test.each([
    "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "nonsense\r\n\r\n",
  ])("a proxy that answers %j", async (answer) => {
    const proxy = await startProxy(answer);
    const dialer = loopbackDialer({ proxy: new URL(`http://127.0.0.1:${proxy.port}`) });
    const failure = await failureOf(call(dialer, `http://up.example:${upstream.port}`));
    expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: false } });
    proxy.stop();
  });

  test("other schemes of proxy are refused", () => {
    expect(() => loopbackDialer({ proxy: new URL("socks5://127.0.0.1:1") })).toThrow();
  });
});

test("proxy variables of the environment have no effect", async () => {
  const trap = await startRawUpstream(always("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ntrapped"));
  const proxy = `http://127.0.0.1:${trap.port}`;
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
  const script = `
    const { call, loopbackDialer, textOf } = await import(${JSON.stringify(`${import.meta.dir}/calls.ts`)});
    const dialer = loopbackDialer({ resolve: async () => ["127.0.0.1"] });
    const direct = await textOf(await call(dialer, "${upstream.origin}"));
    const named = await textOf(await call(dialer, "http://up.example:${upstream.port}"));
    const control = await (await fetch("${upstream.origin}")).text();
    process.stdout.write(JSON.stringify([direct, named, control]));
    process.exit(0);`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    cwd: `${import.meta.dir}/../..`,
    env: { PATH: process.env["PATH"], NO_PROXY: "", ...Object.fromEntries(names.map((name) => [name, proxy])) },
    stdout: "pipe",
    stderr: "inherit",
  });
  // The runtime's own fetch does go to the proxy: without that, this test would show nothing.
  expect(await new Response(child.stdout).text()).toBe(JSON.stringify(["hi", "hi", "trapped"]));
  trap.stop();
});
