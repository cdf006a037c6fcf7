import type { ErrorCode } from "#src/base/error-codes.ts";
import { isWritError } from "#src/base/errors.ts";
import { ApiError } from "./api-error.ts";

const HINTS: ReadonlyMap<string, string> = new Map<ErrorCode, string>([
  ["approval_decided", "`writ approvals show ID` says how it was decided"],
  ["archive_not_configured", "name a folder or a bucket in `WRIT_ARCHIVE_URL`"],
  ["bundle_rollback", "`--allow-rollback` takes it all the same, and records that"],
  ["bundle_untrusted", "`writ policy bundle trust KEY` takes bundles of a publisher whose public key you know"],
  ["clock_behind", "when the machine's clock is right, `writ doctor --accept-clock` says so to Writ"],
  ["config_invalid", "`writ --help` lists the settings"],
  ["device_proof_refused", "check this machine's clock; where its pairing is not its own, `writ unpair` and pair anew"],
  ["disk_full", "free some space, or lower `WRIT_DISK_RESERVE`"],
  ["forbidden", "run it on the host as the instance operator, or use a token that may do this"],
  [
    "key_material_missing",
    "a new instance: `writ init` makes the keys; an old one: put back the keys it was made with",
  ],
  ["key_material_unsafe", "`chmod 600` the file, `chmod 700` its folder, and own both"],
  ["locked", "a server that starts or stops holds the folder: try again, or ask it with `WRIT_URL` and `WRIT_TOKEN`"],
  ["name_taken", "choose another name; one that was used stays taken"],
  ["not_ready", "try again in a moment"],
  ["last_owner", "make somebody else an owner, with a passkey, first"],
  ["link_invalid", "ask for a new link; each is good once"],
  ["passkey_required", "sign in at Writ's address with a passkey, and do it there"],
  [
    "policy_invalid",
    "`writ policy check --server FILE` shows every problem; what policies may name: `writ policy schema show --whole`",
  ],
  ["stopped", "`writ stop` says what is stopped, `writ stop lift` lets it go on"],
  ["rate_limited", "try again in a minute"],
  ["route_table_invalid", "`writ connector lint FILE` shows every problem"],
  ["unauthenticated", "set `WRIT_TOKEN` to a credential that is still good"],
]);

/**
 * What helps against an error, in a line, where something does.
 *
 * @param listedBy the command that shows what the failed one can be asked about
 */
export function hintFor(error: unknown, listedBy = "list"): string | undefined {
  const code = error instanceof ApiError || isWritError(error) ? error.code : undefined;
  if (code === "not_found") return `\`${listedBy}\` shows what is there; \`--tenant NAME\` chooses the tenant`;
  return code === undefined ? undefined : HINTS.get(code);
}
