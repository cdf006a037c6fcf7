import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import type { EntityJson } from "./closure.ts";
import type { DenyReason } from "./decide-twice.ts";
import { type JsonPath, offsetOf, printPath } from "./json-place.ts";
import { nearestName } from "./nearest-name.ts";
import { positionAt } from "./policy-text.ts";
import type { SchemaTier } from "./schema.ts";
import type { EntityUid } from "./scope.ts";

/** Who asks for what, as a test file writes it; what is left out is as in {@link ASK_DEFAULTS}. */
export interface TestAsk {
  /** An agent's name; `principal` names anything else. */
  readonly agent?: string;
  readonly principal?: EntityUid;
  /** The agent's groups. */
  readonly groups?: readonly string[];
  readonly command?: string;
  /** Left out: the tier that the schema gives the command. */
  readonly tier?: SchemaTier;
  readonly resource?: {
    readonly type: string;
    readonly id: string;
    readonly attributes?: JsonObject;
    readonly parents?: readonly EntityUid[];
  };
  /** The name of the connection that the resource lies in. */
  readonly connection?: string;
  /** RFC 3339. */
  readonly time?: string;
  readonly environment?: string;
  readonly run?: JsonObject;
  readonly limits?: JsonObject;
  readonly claimed?: JsonObject;
  /** Members of the context besides `writ` and `claimed`, for actions of the tenant's own. */
  readonly context?: JsonObject;
}

/** What must come of it. What is left out may be anything. */
export interface TestExpectation {
  readonly decision: "allow" | "deny" | "step_up";
  /** Of a denial. */
  readonly reason?: DenyReason;
  /** Exactly these policies determine it: the permits of an allow, the forbids of a denial, what asks for a step-up. */
  readonly policies?: readonly string[];
  /** Exactly these could not be evaluated. */
  readonly errors?: readonly string[];
}

/** One test of a file. */
export interface PolicyTest {
  readonly name: string;
  readonly ask: TestAsk;
  readonly expect: TestExpectation;
  /** Where it stands in its file, from 1. */
  readonly line: number;
}

/** A test file. `defaults` are under every `ask`; `entities` are there for every test. */
export interface PolicyTestFile {
  readonly tests: readonly PolicyTest[];
  readonly entities: readonly EntityJson[];
}

/** What is wrong with a test file, and where; line and column from 1. */
export interface TestFileProblem {
  readonly message: string;
  /** `tests[3].ask.agent`. */
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** The file, or everything that is wrong with it. */
export type TestFileResult = { readonly file: PolicyTestFile } | { readonly errors: readonly TestFileProblem[] };

/**
 * Reads a test file: `{"tests": [{"name", "ask", "expect"}], "defaults"?: ask, "entities"?: [{"uid", "attrs", "parents"}]}`.
 * A member that is not known, missing or of another type is an error, and so are duplicate keys and names.
 */
export function parsePolicyTests(text: string): TestFileResult {
  let json: Json;
  try {
    json = parseStrictJson(text);
  } catch (error) {
    if (!(error instanceof WritError)) throw error;
    const offset = Number(/at offset (\d+)$/.exec(error.message)?.[1] ?? 0);
    return { errors: [{ message: error.message, path: "", ...positionAt(text, offset) }] };
  }
  return new FileReader(text).read(json);
}

type Check = (value: Json, path: JsonPath) => void;
interface Shape {
  readonly members: Readonly<Record<string, Check>>;
  readonly required: readonly string[];
}

class FileReader {
  private readonly text: string;
  private readonly errors: TestFileProblem[] = [];

  constructor(text: string) {
    this.text = text;
  }

  read(json: Json): TestFileResult {
    this.object(this.fileShape)(json, []);
    if (this.errors.length > 0) return { errors: this.errors };
    const file = json as unknown as {
      tests: readonly Omit<PolicyTest, "line">[];
      defaults?: TestAsk;
      entities?: readonly EntityJson[];
    };
    const names = new Set<string>();
    const tests = file.tests.map((test, place) => {
      if (names.has(test.name)) this.fail(["tests", place, "name"], `the name \`${test.name}\` stands twice`);
      names.add(test.name);
      const ask = { ...file.defaults, ...test.ask };
      for (const member of ["command", "resource"] as const) {
        if (ask[member] === undefined)
          this.fail(["tests", place, "ask"], `\`${member}\` is missing, here and in \`defaults\``);
      }
      if ((ask.agent === undefined) === (ask.principal === undefined)) {
        this.fail(["tests", place, "ask"], "either `agent` or `principal` says who asks");
      }
      return { ...test, ask, line: positionAt(this.text, offsetOf(this.text, ["tests", place])).line };
    });
    return this.errors.length > 0 ? { errors: this.errors } : { file: { tests, entities: file.entities ?? [] } };
  }

  private readonly string: Check = (value, path) => {
    if (typeof value !== "string") this.fail(path, "a string was expected");
  };

  private readonly record: Check = (value, path) => {
    if (!isRecord(value)) this.fail(path, "an object was expected");
  };

  private readonly time: Check = (value, path) => {
    const isTime = typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/.test(value);
    if (!isTime || Number.isNaN(Date.parse(value)))
      this.fail(path, "a time was expected, such as `2026-01-31T09:00:00Z`");
  };

  private list(check: Check): Check {
    return (value, path) => {
      if (!Array.isArray(value)) this.fail(path, "a list was expected");
      else for (const [place, each] of value.entries()) check(each, [...path, place]);
    };
  }

  private word(...words: readonly string[]): Check {
    return (value, path) => {
      if (typeof value !== "string" || !words.includes(value))
        this.fail(path, `one of \`${words.join("`, `")}\` was expected`);
    };
  }

  private object({ members, required }: Shape): Check {
    return (value, path) => {
      if (!isRecord(value)) {
        const example = required.map((name) => `"${name}": …`).join(", ");
        this.fail(path, `an object was expected${example === "" ? "" : `: {${example}}`}`);
        return;
      }
      for (const name of Object.keys(value)) {
        const check = Object.hasOwn(members, name) ? members[name] : undefined;
        if (check !== undefined) check(value[name] ?? null, [...path, name]);
        else {
          const near = nearestName(name, Object.keys(members));
          this.fail(
            [...path, name],
            `the field \`${name}\` is not known${near === undefined ? "" : `; did you mean \`${near}\`?`}`,
          );
        }
      }
      for (const name of required) if (!Object.hasOwn(value, name)) this.fail(path, `\`${name}\` is missing`);
    };
  }

  private readonly uid = this.object({ members: { type: this.string, id: this.string }, required: ["type", "id"] });

  private readonly ask = this.object({
    members: {
      agent: this.string,
      principal: this.uid,
      groups: this.list(this.string),
      command: this.string,
      tier: this.word("read", "write", "danger"),
      resource: this.object({
        members: { type: this.string, id: this.string, attributes: this.record, parents: this.list(this.uid) },
        required: ["type", "id"],
      }),
      connection: this.string,
      time: this.time,
      environment: this.string,
      run: this.record,
      limits: this.record,
      claimed: this.record,
      context: this.record,
    },
    required: [],
  });

  private readonly expectation = this.object({
    members: {
      decision: this.word("allow", "deny", "step_up"),
      reason: this.word("no_permit", "forbidden", "policy_error", "no_policies", "request_mismatch"),
      policies: this.list(this.string),
      errors: this.list(this.string),
    },
    required: ["decision"],
  });

  private readonly fileShape: Shape = {
    members: {
      tests: this.list(
        this.object({
          members: { name: this.string, ask: this.ask, expect: this.expectation },
          required: ["name", "ask", "expect"],
        }),
      ),
      defaults: this.ask,
      entities: this.list(
        this.object({
          members: { uid: this.uid, attrs: this.record, parents: this.list(this.uid), tags: this.record },
          required: ["uid", "attrs", "parents"],
        }),
      ),
    },
    required: ["tests"],
  };

  private fail(path: JsonPath, message: string): void {
    this.errors.push({ message, path: printPath(path), ...positionAt(this.text, offsetOf(this.text, path)) });
  }
}

function isRecord(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
