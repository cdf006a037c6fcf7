import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import { assertionCheckBy, signedAssertionOf } from "./assertion-check.ts";
import type { AssertionLine } from "./bundle.ts";
import type { EnrolmentLine } from "./enrolment.ts";
import type { EventCheck } from "./event-check.ts";

/** How many decisions of people a bundle has, and how many of them were checked with passkeys of its own. */
export interface AssertionSummary {
  readonly signed: number;
  readonly checked: number;
}

/**
 * What people signed, checked with the enrolments that the bundle itself brings: that they are of who they say is proven
 * by nothing but the bundle. A signed event whose enrolment is not here is counted and not checked.
 */
export class BundleAssertions {
  private readonly enrolments = new Map<string, EnrolmentLine>();
  private last: { readonly seq: number; readonly assertion: JsonObject | undefined } | undefined;
  private signed = 0;
  private checked = 0;

  /** To be given to the chain's verifier. */
  readonly check: EventCheck = {
    name: "assertions",
    begin: (tenant) => {
      const run = assertionCheckBy((of, credential) => this.find(of, credential)).begin(tenant);
      return {
        event: (event, hash) => {
          const { isSigned, assertion } = signedAssertionOf(event);
          this.last = { seq: event.seq, assertion };
          if (!isSigned) return run.event(event, hash);
          if (assertion === undefined) return [];
          this.signed += 1;
          if (this.find(tenant, assertion["credential_id"]) === undefined) return [];
          this.checked += 1;
          return run.event(event, hash);
        },
      };
    },
  };

  get summary(): AssertionSummary {
    return { signed: this.signed, checked: this.checked };
  }

  /** Takes a line; says what is wrong with it. */
  enrolment(line: EnrolmentLine, tenant: string): string | undefined {
    if (line.tenant !== tenant) return "an enrolment is of another tenant";
    if (this.enrolments.has(line.credentialId)) return `the enrolment of \`${line.passkey}\` stands twice`;
    this.enrolments.set(line.credentialId, line);
    return undefined;
  }

  /** Takes a line; says what is wrong with it. */
  assertion({ seq, assertion }: AssertionLine): string | undefined {
    const { last } = this;
    if (last?.seq !== seq || last.assertion === undefined) return `an assertion of event ${seq} stands where it cannot`;
    this.last = undefined;
    if (canonicalize(last.assertion) !== canonicalize({ ...assertion })) {
      return `the assertion behind event ${seq} is not the one that the event holds`;
    }
    if (this.enrolments.has(assertion.credential_id)) return undefined;
    return `the enrolment that the assertion of event ${seq} needs does not stand before it`;
  }

  private find(tenant: string, credential: Json | undefined): EnrolmentLine | undefined {
    const line = typeof credential === "string" ? this.enrolments.get(credential) : undefined;
    return line?.tenant === tenant ? line : undefined;
  }
}
