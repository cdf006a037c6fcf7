import { AGENT_ROUTES } from "./admin/agents.ts";
import { APPROVAL_ROUTES } from "./admin/approvals.ts";
import { CONNECTION_ROUTES } from "./admin/connections.ts";
import { CONNECTOR_ROUTES } from "./admin/connectors.ts";
import { ENTITY_ROUTES } from "./admin/entities.ts";
import { EXPLAIN_POLICIES } from "./admin/explanation.ts";
import { INSTANCE_ROUTES } from "./admin/instance.ts";
import { KEY_ROUTES } from "./admin/keys.ts";
import { POLICY_ROUTES } from "./admin/policies.ts";
import { REPLAY_POLICIES } from "./admin/replay.ts";
import { REVOCATION_ROUTES } from "./admin/revocations.ts";
import { SETTINGS_ROUTES } from "./admin/settings.ts";
import { TENANT_ROUTES } from "./admin/tenants.ts";
import { TOKEN_ROUTES } from "./admin/tokens.ts";
import { TYPE_MAP_ROUTES } from "./admin/type-map.ts";
import { SHOW_APPROVAL } from "./api/approvals.ts";
import { EXPORT_EVENTS, LIST_EVENTS, SHOW_EVENT } from "./api/audit.ts";
import { AUTHORIZE } from "./api/authorize.ts";
import { AUTHZEN_ROUTES } from "./api/authzen.ts";
import { PROXY } from "./api/proxy.ts";
import { type OperationsGround, operationRoutes } from "./operations.ts";
import type { Route } from "./route.ts";

/** Every route but those of operation. */
const API_ROUTES: readonly Route[] = [
  AUTHORIZE,
  PROXY,
  SHOW_APPROVAL,
  LIST_EVENTS,
  SHOW_EVENT,
  EXPORT_EVENTS,
  ...AUTHZEN_ROUTES,
  ...TENANT_ROUTES,
  ...SETTINGS_ROUTES,
  ...AGENT_ROUTES,
  ...KEY_ROUTES,
  ...TOKEN_ROUTES,
  ...CONNECTION_ROUTES,
  ...CONNECTOR_ROUTES,
  ...POLICY_ROUTES,
  EXPLAIN_POLICIES,
  REPLAY_POLICIES,
  ...ENTITY_ROUTES,
  ...TYPE_MAP_ROUTES,
  ...APPROVAL_ROUTES,
  ...REVOCATION_ROUTES,
  ...INSTANCE_ROUTES,
];

/** Every route that the server has. */
export function allRoutes(operations: OperationsGround): readonly Route[] {
  return [...API_ROUTES, ...operationRoutes(operations)];
}
