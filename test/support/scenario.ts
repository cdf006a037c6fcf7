import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { EventView } from "#src/audit/event-view.ts";
import { isWritError } from "#src/base/errors.ts";
import { type InstanceOptions, startInstance, type TestInstance } from "./composed.ts";
import type { TestAgent, TestTenant } from "./tenant.ts";
import { startUpstream, type TestUpstream } from "./upstream.ts";

/** What every scenario finds: an instance of the table's own, a new tenant with one agent, and an upstream. */
export interface Stage {
  readonly instance: TestInstance;
  readonly tenant: TestTenant;
  readonly agent: TestAgent;
  readonly upstream: TestUpstream;
}

/** An event as a scenario expects it: its type, and what its data has to hold besides other members. */
export type ExpectedEvent = string | { readonly type: string; readonly data: Readonly<Record<string, unknown>> };

/** One row of a table. */
export interface Scenario<Given> {
  readonly name: string;
  /** Prepares; what it writes is not among the events that are compared. */
  readonly given: (stage: Stage) => Promise<Given>;
  readonly when: (stage: Stage, given: Given) => Promise<unknown>;
  /** An error's code, or what looks at the result. */
  readonly expected: string | ((result: unknown, stage: Stage, given: Given) => void | Promise<void>);
  /** All events that `when` writes to the tenant's chain, in order. */
  readonly events: readonly ExpectedEvent[];
}

/** Keeps the type of `given` within one row. */
export function scenario<Given>(row: Scenario<Given>): Scenario<unknown> {
  return row as Scenario<unknown>;
}

let tenants = 0;

/** Runs each row in a tenant of its own; the folder is verified when all are done. */
export function runScenarios(name: string, rows: readonly Scenario<unknown>[], options: InstanceOptions = {}): void {
  describe(name, () => {
    let instance: TestInstance;
    beforeAll(async () => {
      instance = await startInstance(options);
    });
    afterAll(() => instance.stop());
    for (const row of rows) {
      test(row.name, async () => {
        tenants += 1;
        const tenant = await instance.tenant(`tenant-${tenants}`);
        const upstream = await startUpstream();
        try {
          await runOne({ instance, tenant, agent: await tenant.agent(), upstream }, row);
        } finally {
          upstream.stop();
        }
      });
    }
  });
}

async function runOne(stage: Stage, { given, when, expected, events }: Scenario<unknown>): Promise<void> {
  const prepared = await given(stage);
  const before = (await stage.instance.events(stage.tenant)).at(-1)?.seq ?? 0;
  const result = await when(stage, prepared).catch((error: unknown) => error);
  if (typeof expected === "string") expect(codeOf(result)).toBe(expected);
  else {
    if (result instanceof Error) throw result;
    await expected(result, stage, prepared);
  }
  const written = await stage.instance.events(stage.tenant, before);
  expect(written.map(({ type }) => type)).toEqual(
    events.map((event) => (typeof event === "string" ? event : event.type)),
  );
  events.forEach((event, index) => {
    if (typeof event !== "string") expect(plain(written[index])).toMatchObject(event.data);
  });
}

/** The code of an error, or what there is in its place. */
export function codeOf(result: unknown): string {
  if (isWritError(result)) return result.code;
  return result instanceof Error
    ? `${result.name}: ${result.message}`
    : `no error but ${JSON.stringify(result)?.slice(0, 200)}`;
}

/** The code that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<string> {
  return codeOf(await promise.catch((error: unknown) => error));
}

function plain(event: EventView | undefined): object {
  return JSON.parse(JSON.stringify(event?.data ?? null)) as object;
}
