import { WritError } from "#src/base/errors.ts";
import type { RecordedOutcome, ReplayReport } from "#src/policy/replay.ts";
import type { ReplayAgainst } from "#src/store/jobs/replay-chain.ts";
import { route } from "../route.ts";
import { instant, integer, object, optional, text, type ValueOf } from "../shape.ts";

/** As much as a policy version takes. */
const MAX_BODY_BYTES = 20 * 2 ** 20;
const MAX_SOURCE_CHARACTERS = 16 * 2 ** 20;
/** The longest that a connection may be silent before it is taken for gone, in seconds. */
const SILENCE_SECONDS = 255;

const REQUEST = object({
  source: optional(text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "a draft: Cedar policies" })),
  version: optional(integer(0, Number.MAX_SAFE_INTEGER, "a version instead of a draft; 0 is no policies at all")),
  since: optional(instant("inclusive; from the beginning unless stated")),
});

/** `POST /v1/admin/policies/replay`: what recorded decisions would have been. */
export const REPLAY_POLICIES = route({
  method: "POST",
  path: "/v1/admin/policies/replay",
  summary: "Make recorded decisions again, under a draft, a version, or each as it was; changes nothing",
  who: ["admin", "operator"],
  maxBodyBytes: MAX_BODY_BYTES,
  body: REQUEST,
  answers: { 200: "How many are reproduced, and every change of outcome, grouped" },
  errors: ["policy_invalid", "policy_slice_too_large", "verification_failed"],
  handle: async (exchange, body) => {
    const { tenant } = await exchange.manager();
    exchange.allowSilence(SILENCE_SECONDS);
    const options = { signal: exchange.request.signal };
    return {
      json: render(await exchange.services.replays.replay(tenant, readAgainst(body), body.since ?? 0, options)),
    };
  },
});

function readAgainst({ source, version }: ValueOf<typeof REQUEST>): ReplayAgainst {
  if (source !== undefined && version !== undefined) {
    throw new WritError("invalid_argument", "`source` and `version` exclude each other");
  }
  if (source !== undefined) return { source };
  return version === undefined ? "recorded" : { version };
}

function render({ sameOutcome, differences, ...report }: ReplayReport): object {
  return {
    ...report,
    same_outcome: sameOutcome,
    differences: differences.map(({ id, recorded, replayed }) => ({
      decision: id,
      recorded: renderOutcome(recorded),
      replayed: "failed" in replayed ? replayed : renderOutcome(replayed),
    })),
  };
}

function renderOutcome({ decision, cosigned, reason, policies, errors }: RecordedOutcome): object {
  return { decision, ...(cosigned ? { cosigned } : {}), ...(reason === undefined ? {} : { reason }), policies, errors };
}
