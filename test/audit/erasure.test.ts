import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Person } from "#src/identity/people.ts";
import { readSubjectKey } from "#src/store/secrets.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestAgent, type TestTenant } from "#test/support/tenant.ts";

let instance: TestInstance;
let tenant: TestTenant;
let agent: TestAgent;
let person: Person;
let count = 0;

beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());
beforeEach(async () => {
  count += 1;
  tenant = await instance.tenant(`t${count}`);
  await tenant.policies(PERMIT_ALL);
  await tenant.connection({ url: "http://127.0.0.1:9" });
  agent = await tenant.agent("zebra-agent");
  await tenant.authorize(agent, "api", { path: "/x", claimed: { note: "a claim of the agent" } });
  const { invitations, instance: own } = instance.services;
  const actor = { kind: "host", subject: own.operator } as const;
  ({ person } = await invitations.invite(tenant.id, actor, {
    name: "Zelda Example",
    email: "zelda@example.test",
    roles: ["owner"],
  }));
});

const services = () => instance.services;
const operator = () => services().instance.operator;
const revokePerson = () => services().people.revoke(tenant.id, { kind: "host", subject: operator() }, person.id);
const erase = (id: string, confirm: string = id) => services().subjects.erase(tenant.id, operator(), id, confirm);
const exported = async (named: string) =>
  (await Array.fromAsync(services().subjects.export(tenant.id, operator(), named)))
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("export", () => {
  test("of a person has their profile, rows, and the events that name them, opened", async () => {
    const lines = await exported(person.id);
    expect(lines[0]).toMatchObject({
      kind: "subject",
      subject_kind: "person",
      profile: { name: "Zelda Example", email: "zelda@example.test" },
    });
    expect(lines.some((line) => line.kind === "row" && line.table === "people")).toBe(true);
    const invited = lines.find((line) => line.type === "person.invited");
    expect(invited.data.name).toBe("Zelda Example");
    expect(lines.some((line) => line.type === "decision.allowed")).toBe(false);
    expect(JSON.stringify(lines)).not.toContain('hash":{');
  });

  test("of an agent leaves what is sealed for others sealed, and is recorded", async () => {
    const lines = await exported("zebra-agent");
    expect(lines.find((line) => line.type === "decision.allowed").data.claimed).toEqual({
      note: "a claim of the agent",
    });
    expect(JSON.stringify(lines)).not.toContain("Zelda");
    const events = await instance.events(tenant);
    expect(events.at(-1)).toMatchObject({ type: "subject.exported", data: { named: agent.agent.id } });
  });

  test("of another tenant's is of nobody's", async () => {
    const other = await instance.tenant(`o${count}`);
    const stream = services().subjects.export(other.id, operator(), person.id);
    expect(await rejection(stream.next())).toBe("not_found");
    expect(await rejection(services().subjects.show(other.id, agent.agent.subject))).toBe("not_found");
  });
});

describe("erasure", () => {
  test("needs the subject's own id, and somebody who is out already", async () => {
    expect(await rejection(erase(person.subject, "yes"))).toBe("invalid_argument");
    expect(await rejection(erase(person.subject))).toBe("conflict");
    expect(await rejection(erase(agent.agent.subject))).toBe("conflict");
    expect(await rejection(erase("sub_00000000000000000000000000"))).toBe("not_found");
    const other = await instance.tenant(`o${count}`);
    await revokePerson();
    const { subject } = person;
    expect(await rejection(services().subjects.erase(other.id, operator(), subject, subject))).toBe("not_found");
  });

  test("of a person makes all that was sealed for them unreadable, and the chain verifies", async () => {
    await revokePerson();
    const { subject } = await erase(person.subject);
    expect(subject).toMatchObject({ kind: "person", erasedAt: instance.clock.now() });
    expect(await services().people.show(tenant.id, person.id)).toMatchObject({ name: "erased", email: null });
    const events = await instance.events(tenant);
    expect(JSON.stringify(events)).not.toContain("Zelda");
    expect(events.find(({ type }) => type === "person.invited")?.personal["name"]).toBe("erased");
    expect(events.at(-1)).toMatchObject({ type: "subject.erased", data: { subject: person.subject } });
    const [, ...lines] = await exported(person.id);
    expect(lines.find((line) => line.type === "person.invited").data.name).toBe("erased");
    expect((await services().audit.verify()).chains.every((chain) => chain.ok)).toBe(true);
    expect(await rejection(erase(person.subject))).toBe("conflict");
  });

  test("of an agent takes its name too, shows in a replay as erased, and is never undone", async () => {
    await services().agents.disable(tenant.id, operator(), agent.agent.id);
    await erase(agent.agent.subject);
    expect(JSON.stringify(await instance.events(tenant))).not.toContain("zebra-agent");
    expect((await services().agents.show(tenant.id, agent.agent.id)).name).toStartWith("erased-");
    const names = (await services().tokens.list(tenant.id, {})).map(({ name }) => name);
    expect(names).toEqual(names.map(() => "erased"));
    expect(names.length).toBeGreaterThan(0);
    const report = await services().replays.replay(tenant.id, "recorded", 0);
    expect(report).toMatchObject({ erased: 1 });
    expect(await rejection(services().agents.enable(tenant.id, operator(), agent.agent.id))).toBe("conflict");
    expect(await services().subjects.listErased(tenant.id)).toMatchObject([{ kind: "agent", named: agent.agent.id }]);
  });

  test("of an agent takes what approvers saw of its calls", async () => {
    const call = { method: "DELETE", path: "/patients/zelda", claimed: { note: "zelda-claim" } };
    const asked = await tenant.authorize(agent, "api", call);
    expect(asked.decision).toBe("step_up");
    const approval = asked.decision === "step_up" ? asked.approval.id : "";
    const shown = async () => JSON.stringify(await services().approvals.details(tenant.id, approval));
    expect(await shown()).toContain("patients/zelda");
    await services().agents.disable(tenant.id, operator(), agent.agent.id);
    await erase(agent.agent.subject);
    const after = await shown();
    for (const word of ["patients", "zelda", "zebra"]) expect(after).not.toContain(word);
    expect(after).toContain("erased");
  });

  test("that two ask for at once happens once", async () => {
    await revokePerson();
    const results = await Promise.all([rejection(erase(person.subject)), rejection(erase(person.subject))]);
    expect(results.toSorted()).toContain("conflict");
    expect((await instance.events(tenant)).filter(({ type }) => type === "subject.erased")).toHaveLength(1);
  });

  test("leaves no byte of the wrapped key in the database once the log is folded in", async () => {
    const own = await startInstance();
    const { folder } = own;
    const made = await own.tenant("keys");
    const { agent: victim } = await made.agent("victim");
    const row = await readSubjectKey(own.services.reader, made.id, victim.subject);
    const { operator: actor } = own.services.instance;
    await own.services.agents.disable(made.id, actor, victim.id);
    await own.services.subjects.erase(made.id, actor, victim.subject, victim.subject);
    await own.halt();
    const bytes = readFileSync(join(folder, "writ.db"));
    expect(bytes.indexOf(row!.wrapped)).toBe(-1);
    const again = await startInstance({ folder });
    await again.stop();
  });
});
