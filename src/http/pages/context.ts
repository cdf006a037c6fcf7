import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { may, type Permission } from "#src/identity/roles.ts";
import type { Exchange } from "../exchange.ts";

/** What drawing a page has: who asks, in which tenant, and what they may. */
export interface PageContext {
  readonly exchange: Exchange;
  readonly tenant: TenantId;
  readonly subject: SubjectId;
  readonly now: number;
  readonly may: (permission: Permission) => boolean;
}

/** The context of a request that somebody who is signed in makes. */
export function contextOf(exchange: Exchange): PageContext {
  const { tenant, subject, person } = exchange.person();
  return {
    exchange,
    tenant,
    subject,
    now: exchange.clock.now(),
    may: (permission) => may(person.roles, permission),
  };
}
