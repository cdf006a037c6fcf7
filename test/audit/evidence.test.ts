import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CONTROL_MAP_NOTE, CONTROLS, speaksTo } from "#src/audit/control-map.ts";
import type { EvidenceRequest } from "#src/audit/evidence.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { escapeHtml, formatCsvRecord } from "#src/store/jobs/evidence-format.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestAgent, type TestTenant } from "#test/support/tenant.ts";

let instance: TestInstance;
let tenant: TestTenant;
let other: TestTenant;
let builder: TestAgent;
let painter: TestAgent;
const RESOURCE = `=HYPERLINK("http://evil.example","x")`;
const SCRIPT = `</pre><script>alert(1)</script>`;

beforeAll(async () => {
  instance = await startInstance();
  tenant = await instance.tenant("acme");
  other = await instance.tenant("other");
  await tenant.policies(PERMIT_ALL);
  await tenant.connection({ url: "http://127.0.0.1:9" });
  builder = await tenant.agent("builder");
  painter = await tenant.agent("painter");
  for (const id of [RESOURCE, SCRIPT, "plain"]) {
    await tenant.authorize(builder, "api", { path: "/x", claimed: { note: id } });
    await tenant.authorize(painter, "api", { path: "/y" });
    instance.clock.advance(1000);
  }
});
afterAll(() => instance.stop());

const collect = async (request: EvidenceRequest, of = tenant): Promise<string> => {
  const { evidence, instance: own } = instance.services;
  return (await Array.fromAsync(evidence.export(of.id, own.operator, request))).join("");
};
// biome-ignore lint/suspicious/noExplicitAny: tests look into records of every shape
const linesIn = (text: string): Record<string, any>[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("evidence", () => {
  test("as lines has a cover, and events by or about one agent alone, oldest first, opened", async () => {
    const scope = { agent: builder.agent.id };
    const [cover, ...events] = linesIn(await collect({ scope, format: "jsonl", openPersonal: true }));
    expect(cover).toMatchObject({
      kind: "evidence",
      personal: "opened",
      note: CONTROL_MAP_NOTE,
      events: events.length,
    });
    expect(events.filter(({ type }) => type === "decision.allowed").map(({ data }) => data.claimed?.note)).toEqual([
      RESOURCE,
      SCRIPT,
      "plain",
    ]);
    expect(events.some(({ data }) => data.agent === painter.agent.id)).toBe(false);
    expect(events.map(({ seq }) => seq)).toEqual(events.map(({ seq }) => seq).toSorted((a, b) => a - b));
  });

  test("sealed shows nothing personal", async () => {
    const text = await collect({ scope: {}, format: "jsonl", openPersonal: false });
    expect(text).not.toContain("evil.example");
    expect(linesIn(text).find(({ type }) => type === "decision.allowed")?.["personal"]?.claimed).toBe("sealed");
  });

  test("is bounded by time and type", async () => {
    const since = instance.clock.now() - 1000;
    const scope = { type: "decision", since, until: instance.clock.now() };
    const [, ...events] = linesIn(await collect({ scope, format: "jsonl", openPersonal: true }));
    expect(events.map(({ type }) => type)).toEqual(["decision.allowed", "decision.allowed"]);
  });

  test("as a page escapes what agents wrote, and says what the map is not", async () => {
    const text = await collect({ scope: {}, format: "html", openPersonal: true });
    expect(text).not.toContain("<script");
    expect(text).toContain("&lt;script&gt;alert(1)");
    expect(text).toContain("no legal determination");
    expect(text).toContain("CC6.1");
    expect(text).toContain("164.312(b)");
    expect(text).toContain("@media print");
    expect(text.endsWith("</html>\n")).toBe(true);
    expect(text).not.toMatch(/(?:src|href)=/);
  });

  test("as CSV runs no formula", async () => {
    const text = await collect({ scope: { type: "decision" }, format: "csv", openPersonal: true });
    const records = text.split("\r\n");
    expect(records[0]).toStartWith('"seq","at","type"');
    expect(text).toContain("=HYPERLINK(");
    for (const record of records.slice(0, -1)) {
      expect(record.match(/^(?:"(?:[^"]|"")*"(?:,|$)){13}$/)).not.toBeNull();
    }
    expect(text).not.toMatch(/(?:^|,)"[=+@]/m);
  });

  test("is recorded before it is given, with what was asked for", async () => {
    const before = (await instance.events(tenant)).length;
    await collect({ scope: { agent: builder.agent.id }, format: "csv", openPersonal: true });
    const [event] = await instance.events(tenant, before);
    expect(event).toMatchObject({
      type: "audit.exported",
      data: { format: "csv", personal: "opened", agent: builder.agent.id },
    });
  });

  test("of another tenant's agent is of nobody's", async () => {
    const request = { scope: { agent: builder.agent.id }, format: "csv", openPersonal: true } as const;
    expect(await rejection(collect(request, other))).toBe("not_found");
    expect(await collect({ scope: {}, format: "jsonl", openPersonal: true }, other)).not.toContain(builder.agent.id);
  });

  test("as a bundle is the part of the chain that holds it, and verifies", async () => {
    const { evidence, audit } = instance.services;
    const range = await evidence.locate(tenant.id, { agent: painter.agent.id });
    const lines = await Array.fromAsync(audit.exportBundle(tenant.id, range));
    const verified = await verifyBundle(lines);
    expect(verified).toMatchObject({ ok: true, first: range.from });
    expect(await rejection(evidence.locate(tenant.id, { type: "nothing" }))).toBe("not_found");
  });

  test("goes on over many subjects and pages", async () => {
    const many = await instance.tenant("many");
    const agents: string[] = [];
    for (let i = 0; i < 600; i += 1) {
      agents.push(
        (await instance.services.agents.create(many.id, instance.services.instance.operator, { name: `a${i}` })).name,
      );
    }
    const [, ...events] = linesIn(
      await collect({ scope: { type: "agent" }, format: "jsonl", openPersonal: true }, many),
    );
    expect(events.map(({ data }) => data.name)).toEqual(agents);
  }, 20_000);
});

test("no field of a record of CSV begins as a formula does, and every one comes back", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 5 }), (fields) => {
      const record = formatCsvRecord(fields);
      const back = [...record.slice(0, -2).matchAll(/"((?:[^"]|"")*)"(?:,|$)/g)].map(([, field = ""]) =>
        field.replaceAll('""', '"'),
      );
      expect(back.length).toBe(fields.length);
      for (const [index, field] of back.entries()) {
        expect(field).not.toMatch(/^\s*[=+\-@]/);
        expect(field.replace(/^'/, "")).toBe((fields[index] ?? "").replace(/^'/, ""));
      }
    }),
  );
});

test("escaped text has no markup and nothing that reorders it", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("<", ">", '"', "'", "&", "\u202e", "\u2066", "a", "é") }), (text) => {
      expect(escapeHtml(text)).not.toMatch(/[<>"'\u202e\u2066]/);
    }),
  );
  expect(escapeHtml("a\u202eb<")).toBe("a\\u202eb&lt;");
});

test("every type that is recorded speaks to a control, and every control is spoken to", async () => {
  const types = new Set<string>();
  for await (const path of new Bun.Glob("src/**/*.ts").scan(".")) {
    if (path.startsWith("src/policy/") || path.startsWith("src/http/")) continue;
    const text = await Bun.file(path).text();
    for (const [, type = ""] of text.matchAll(/\btype: (?:[^,\n]*\? )?"([a-z_]+\.[a-z_]+)"/g)) types.add(type);
    for (const [, type = ""] of text.matchAll(/_EVENT = "([a-z_.]+)"/g)) types.add(type);
  }
  for (const name of ["webauthn.create", "webauthn.get"]) types.delete(name);
  expect([...types].filter((type) => !CONTROLS.some((control) => speaksTo(control, type)))).toEqual([]);
  expect(types.size).toBeGreaterThan(60);
  for (const control of CONTROLS)
    expect([control.id, [...types].some((type) => speaksTo(control, type))]).toEqual([control.id, true]);
});
