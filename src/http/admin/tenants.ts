import { toRfc3339 } from "#src/base/clock.ts";
import type { TenantRow } from "#src/store/instance.ts";
import { type Route, route } from "../route.ts";
import { object, text } from "../shape.ts";

/** Tenants are the operator's: their owners know nothing of each other. */
export const TENANT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/tenants",
    summary: "List the instance's tenants",
    who: ["operator"],
    answers: { 200: "All tenants" },
    handle: async ({ services }) => ({ json: { tenants: (await services.tenants.list()).map(renderTenant) } }),
  }),
  route({
    method: "POST",
    path: "/v1/admin/tenants",
    summary: "Make a tenant",
    who: ["operator"],
    body: object({ name: text({ max: 63 }) }),
    answers: { 201: "The tenant" },
    errors: ["name_taken"],
    handle: async (exchange, { name }) => {
      const tenant = await exchange.services.tenants.create(exchange.operator().subject, name);
      return { status: 201, json: renderTenant(tenant) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/tenants/{tenant}",
    summary: "Show a tenant by name or id",
    who: ["operator"],
    answers: { 200: "The tenant" },
    handle: async (exchange) => ({
      json: renderTenant(await exchange.services.tenants.show(exchange.param("tenant"))),
    }),
  }),
  route({
    method: "POST",
    path: "/v1/admin/tenants/{tenant}/disablement",
    summary: "Refuse everything of a tenant from now on",
    who: ["operator"],
    answers: { 200: "The tenant" },
    handle: async (exchange) => {
      const { tenants } = exchange.services;
      const { tenantId } = await tenants.show(exchange.param("tenant"));
      await tenants.disable(exchange.operator().subject, tenantId);
      return { json: renderTenant(await tenants.show(tenantId)) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/tenants/{tenant}/disablement",
    summary: "Let a disabled tenant work again",
    who: ["operator"],
    answers: { 200: "The tenant" },
    handle: async (exchange) => {
      const { tenants } = exchange.services;
      const { tenantId } = await tenants.show(exchange.param("tenant"));
      await tenants.enable(exchange.operator().subject, tenantId);
      return { json: renderTenant(await tenants.show(tenantId)) };
    },
  }),
];

function renderTenant(tenant: TenantRow): Readonly<Record<string, unknown>> {
  return {
    id: tenant.tenantId,
    name: tenant.name,
    kind: tenant.kind,
    status: tenant.status,
    policy_version: tenant.policyVersion,
    created_at: toRfc3339(tenant.createdAt),
  };
}
