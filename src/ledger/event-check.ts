import type { ParsedEvent } from "./event.ts";
import type { VerifyProblem } from "./report.ts";

/**
 * A further check of events, which an adapter brings to the verifier: whether a person's passkey signed an approval, whether
 * a policy decides the same again. The verifier's core knows none of them.
 */
export interface EventCheck {
  /** What is checked, in a word: in progress and reports. */
  readonly name: string;
  /** Begins the check of one chain. What a check remembers lives as long as what this gives. */
  begin(tenant: string): EventCheckRun;
}

/** One check of one chain. */
export interface EventCheckRun {
  /**
   * Takes the next event: it is canonical, of this tenant, and follows the ones before it.
   * @param hash of the event, lower-case hex
   * @returns what is wrong; the verification goes on
   */
  event(event: ParsedEvent, hash: string): readonly VerifyProblem[];
  /** Called once, behind the last event: what can only be said at the end. */
  finish?(): readonly VerifyProblem[];
}
