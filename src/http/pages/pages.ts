import { invariant } from "#src/base/errors.ts";
import type { Route } from "../route.ts";
import { accountPages } from "./account.ts";
import { agentPages } from "./agents.ts";
import { approvalPages } from "./approvals.ts";
import { SERVE_ASSET } from "./assets.ts";
import { checkpointPages } from "./checkpoints.ts";
import { connectionPages } from "./connections.ts";
import { devicePages } from "./devices.ts";
import { emergencyPages } from "./emergency.ts";
import { eventPages } from "./events.ts";
import { notificationPages } from "./notifications.ts";
import { OVERVIEW_PAGES } from "./overview.ts";
import type { AdminRoutes } from "./page.ts";
import { peoplePages } from "./people.ts";
import { policyPages } from "./policies.ts";
import { policyTestPages } from "./policy-tests.ts";
import { policyToolPages } from "./policy-tools.ts";
import { runPages } from "./runs.ts";
import { SESSION_PAGES } from "./session.ts";
import { settingPages } from "./settings.ts";
import { toolPages } from "./tools.ts";

/**
 * The admin pages. What they change they ask of the other routes, `api`, which say what permission it needs: a page can do
 * nothing that the interface cannot.
 */
export function pageRoutes(api: readonly Route[]): readonly Route[] {
  const byName = new Map(api.map((route) => [`${route.method} ${route.path}`, route]));
  const admin: AdminRoutes = (name) => {
    const found = byName.get(name);
    invariant(found !== undefined, `pages need the route ${name}`);
    return found;
  };
  return [
    SERVE_ASSET,
    ...SESSION_PAGES,
    ...OVERVIEW_PAGES,
    ...approvalPages(admin),
    ...agentPages(admin),
    ...connectionPages(admin),
    ...policyPages(admin),
    ...policyTestPages(admin),
    ...policyToolPages(admin),
    ...peoplePages(admin),
    ...accountPages(admin),
    ...eventPages(admin),
    ...checkpointPages(admin),
    ...runPages(admin),
    ...devicePages(admin),
    ...toolPages(admin),
    ...settingPages(admin),
    ...notificationPages(admin),
    ...emergencyPages(admin),
  ];
}
