import { AGENT_ROUTES } from "./admin/agents.ts";
import { WATCH_APPROVALS } from "./admin/approval-stream.ts";
import { APPROVAL_ROUTES } from "./admin/approvals.ts";
import { ARCHIVE_ROUTES } from "./admin/archive.ts";
import { BREAK_GLASS_ROUTES } from "./admin/break-glass.ts";
import { CONNECTION_ROUTES } from "./admin/connections.ts";
import { CONNECTOR_ROUTES } from "./admin/connectors.ts";
import { DEVICE_ADMIN_ROUTES } from "./admin/devices.ts";
import { ENTITY_ROUTES } from "./admin/entities.ts";
import { EXPLAIN_POLICIES } from "./admin/explanation.ts";
import { FILE_RULE_ROUTES } from "./admin/file-rules.ts";
import { INSTANCE_ROUTES } from "./admin/instance.ts";
import { JOB_ROUTES } from "./admin/jobs.ts";
import { KEY_ROUTES } from "./admin/keys.ts";
import { NOTIFICATION_ROUTES } from "./admin/notifications.ts";
import { PEOPLE_ROUTES } from "./admin/people.ts";
import { POLICY_ROUTES } from "./admin/policies.ts";
import { POLICY_BUILDER_ROUTES } from "./admin/policy-builder.ts";
import { POLICY_BUNDLE_ROUTES } from "./admin/policy-bundles.ts";
import { POLICY_SCHEMA_ROUTES } from "./admin/policy-schema.ts";
import { TEST_POLICIES } from "./admin/policy-tests.ts";
import { REPLAY_POLICIES } from "./admin/replay.ts";
import { REVOCATION_ROUTES } from "./admin/revocations.ts";
import { RUN_ADMIN_ROUTES } from "./admin/runs.ts";
import { SETTINGS_ROUTES } from "./admin/settings.ts";
import { SHADOW_ROUTES } from "./admin/shadow.ts";
import { STOP_ROUTES } from "./admin/stop.ts";
import { STREAM_ROUTES } from "./admin/streams.ts";
import { SUBJECT_ROUTES } from "./admin/subjects.ts";
import { TENANT_ROUTES } from "./admin/tenants.ts";
import { TOKEN_ROUTES } from "./admin/tokens.ts";
import { TOOL_ROUTES } from "./admin/tools.ts";
import { TYPE_MAP_ROUTES } from "./admin/type-map.ts";
import { WITNESS_ROUTES } from "./admin/witnesses.ts";
import { SHOW_APPROVAL } from "./api/approvals.ts";
import { LIST_EVENTS, SHOW_EVENT } from "./api/audit.ts";
import { EXPORT_EVENTS } from "./api/audit-export.ts";
import { PROOF_ROUTES } from "./api/audit-proofs.ts";
import { AUTHORIZE } from "./api/authorize.ts";
import { AUTHZEN_ROUTES } from "./api/authzen.ts";
import { DEVICE_ROUTES } from "./api/devices.ts";
import { forwardProxyRoute } from "./api/forward-authority.ts";
import { OFFLINE_POLICY } from "./api/offline-policy.ts";
import { PROXY } from "./api/proxy.ts";
import { RUN_ROUTES } from "./api/runs.ts";
import { type OperationsGround, operationRoutes } from "./operations.ts";
import { pageRoutes } from "./pages/pages.ts";
import { withPeople } from "./permissions.ts";
import type { Route } from "./route.ts";
import { OWN_PASSKEY_ROUTES } from "./session/own-passkeys.ts";
import { SESSION_ROUTES } from "./session/session.ts";

/** Every route but those of operation. */
const API_ROUTES: readonly Route[] = [
  AUTHORIZE,
  OFFLINE_POLICY,
  PROXY,
  SHOW_APPROVAL,
  ...RUN_ROUTES,
  ...DEVICE_ROUTES,
  LIST_EVENTS,
  SHOW_EVENT,
  EXPORT_EVENTS,
  ...PROOF_ROUTES,
  ...WITNESS_ROUTES,
  ...AUTHZEN_ROUTES,
  ...TENANT_ROUTES,
  ...SETTINGS_ROUTES,
  ...AGENT_ROUTES,
  ...KEY_ROUTES,
  ...DEVICE_ADMIN_ROUTES,
  ...RUN_ADMIN_ROUTES,
  ...TOKEN_ROUTES,
  ...CONNECTION_ROUTES,
  ...CONNECTOR_ROUTES,
  ...FILE_RULE_ROUTES,
  ...TOOL_ROUTES,
  ...POLICY_ROUTES,
  ...POLICY_SCHEMA_ROUTES,
  ...POLICY_BUILDER_ROUTES,
  EXPLAIN_POLICIES,
  REPLAY_POLICIES,
  TEST_POLICIES,
  ...SHADOW_ROUTES,
  ...POLICY_BUNDLE_ROUTES,
  ...ENTITY_ROUTES,
  ...TYPE_MAP_ROUTES,
  ...APPROVAL_ROUTES,
  WATCH_APPROVALS,
  ...BREAK_GLASS_ROUTES,
  ...STOP_ROUTES,
  ...NOTIFICATION_ROUTES,
  ...REVOCATION_ROUTES,
  ...INSTANCE_ROUTES,
  ...ARCHIVE_ROUTES,
  ...PEOPLE_ROUTES,
  ...SUBJECT_ROUTES,
  ...STREAM_ROUTES,
  ...JOB_ROUTES,
  ...SESSION_ROUTES,
  ...OWN_PASSKEY_ROUTES,
];

/** Every route that the server has. */
export function allRoutes(operations: OperationsGround): readonly Route[] {
  const api = [...API_ROUTES, forwardProxyRoute(operations.forward ?? (() => undefined))].map(withPeople);
  return [...api, ...pageRoutes(api), ...operationRoutes(operations)];
}
