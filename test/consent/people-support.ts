import type { PersonId, SubjectId } from "#src/base/ids.ts";
import type { Approval } from "#src/consent/approval.ts";
import type { DecisionChoice } from "#src/consent/decisions.ts";
import type { PersonRole } from "#src/identity/roles.ts";
import type { PersonPrincipal } from "#src/identity/sessions.ts";
import {
  type Authenticator,
  type AuthenticatorOptions,
  createAuthenticator,
  type Misbehaviour,
} from "#test/support/authenticator.ts";
import type { TestInstance } from "#test/support/composed.ts";
import type { TestTenant } from "#test/support/tenant.ts";

/** A person of a tenant with a passkey. */
export interface TestPerson {
  readonly id: PersonId;
  readonly subject: SubjectId;
  readonly principal: PersonPrincipal;
  /** The session's cookie value. */
  readonly cookie: string;
  readonly authenticator: Authenticator;
  /** Challenge, signature, decision. */
  decide(approval: string, choice?: Partial<DecisionChoice>, wrong?: Misbehaviour): Promise<Approval>;
}

const CLIENT = { browser: "a browser", address: "127.0.0.1" };

/** The tenant's first owner, by its set-up link. */
export async function enrolOwner(
  instance: TestInstance,
  tenant: TestTenant,
  options: AuthenticatorOptions = {},
): Promise<TestPerson> {
  const { invitations, instance: own } = instance.services;
  const { url } = await invitations.setUp(tenant.id, own.operator);
  return enrol(instance, tenant, url, "the owner", options);
}

/** Somebody whom `by` invites. */
export async function enrolPerson(
  instance: TestInstance,
  tenant: TestTenant,
  by: TestPerson,
  roles: readonly PersonRole[],
  options: AuthenticatorOptions = {},
): Promise<TestPerson> {
  const actor = { kind: "person", subject: by.subject, roles: by.principal.person.roles } as const;
  const { link } = await instance.services.invitations.invite(tenant.id, actor, { name: `a ${roles[0]}`, roles });
  return enrol(instance, tenant, link.url, undefined, options);
}

async function enrol(
  instance: TestInstance,
  tenant: TestTenant,
  url: string,
  owner: string | undefined,
  options: AuthenticatorOptions,
): Promise<TestPerson> {
  const { enrolment, approvalDecisions } = instance.services;
  const link = url.slice(url.indexOf("#") + 1);
  const authenticator = createAuthenticator(options);
  const asked = await enrolment.options(link, owner === undefined ? undefined : { name: owner });
  const { cookie, principal } = await enrolment.enrol(link, authenticator.create(asked), "a key", CLIENT);
  const { id } = principal.person;
  return {
    id,
    subject: principal.subject,
    principal,
    cookie,
    authenticator,
    decide: async (approval, choice = {}, wrong = {}) => {
      const asking = await approvalDecisions.challenge(tenant.id, id, approval, { verdict: "approved", ...choice });
      return approvalDecisions.decide(tenant.id, id, approval, authenticator.get(asking.options, wrong));
    },
  };
}
