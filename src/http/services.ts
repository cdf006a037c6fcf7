import type { Audit } from "#src/audit/audit.ts";
import type { Recorder } from "#src/audit/recorder.ts";
import type { Tally } from "#src/audit/tally.ts";
import type { Approvals } from "#src/consent/approvals.ts";
import type { Decider } from "#src/decision/decide.ts";
import type { Entities } from "#src/decision/entities.ts";
import type { Explanations } from "#src/decision/explanations.ts";
import type { RateLimiter } from "#src/decision/limits.ts";
import type { Pdp } from "#src/decision/pdp.ts";
import type { PdpSearch } from "#src/decision/pdp-search.ts";
import type { PolicyVersions } from "#src/decision/policy-versions.ts";
import type { PolicyReplays } from "#src/decision/replays.ts";
import type { Revocations } from "#src/decision/revoke.ts";
import type { TypeMaps } from "#src/decision/type-map.ts";
import type { Gateway } from "#src/gateway/proxy-call.ts";
import type { ConnectionTester } from "#src/gateway/test-connection.ts";
import type { Agents } from "#src/identity/agents.ts";
import type { Authenticator } from "#src/identity/authenticate.ts";
import type { Instance, Tenants } from "#src/identity/tenants.ts";
import type { Tokens } from "#src/identity/tokens.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Connections } from "#src/vault/connections.ts";
import type { Connectors } from "#src/vault/connectors.ts";
import type { KeyRotation } from "#src/vault/rotation.ts";

/** Everything that the HTTP edge asks of the rest of Writ. Services never see a request. */
export interface HttpServices {
  readonly instance: Instance;
  readonly authenticator: Authenticator;
  readonly limiter: RateLimiter;
  readonly tally: Tally;
  readonly decider: Decider;
  readonly pdp: Pdp;
  readonly pdpSearch: PdpSearch;
  readonly entities: Entities;
  readonly typeMaps: TypeMaps;
  readonly gateway: Gateway;
  readonly approvals: Approvals;
  readonly audit: Audit;
  readonly tenants: Tenants;
  readonly agents: Agents;
  readonly tokens: Tokens;
  readonly connections: Connections;
  readonly connectors: Connectors;
  readonly connectionTester: ConnectionTester;
  readonly policies: PolicyVersions;
  readonly explanations: Explanations;
  readonly replays: PolicyReplays;
  readonly revocations: Revocations;
  readonly rotation: KeyRotation;
  /** For bookkeeping alone: which credential was last used, and when. */
  readonly recorder: Pick<Recorder, "touch">;
  /** For what stands in no tenant: whose credential was refused, and whether the store answers. */
  readonly reader: Reader;
}
