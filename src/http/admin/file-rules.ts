import { toRfc3339 } from "#src/base/clock.ts";
import type { AgentId, TenantId } from "#src/base/ids.ts";
import { parseId } from "#src/base/ids.ts";
import { FILE_ACCESSES, type FileRule } from "#src/classify/file-rules.ts";
import type { StoredFileRule } from "#src/runs/file-gates.ts";
import type { Exchange } from "../exchange.ts";
import { type Route, route } from "../route.ts";
import { choice, object, optional, text } from "../shape.ts";

const ROLES = ["admin", "operator"] as const;
const AGENT = text({ max: 63, description: "an agent, by name or id" });

/** Rules about the files that agents may touch. The operator adds the instance's own rules under its own tenant. */
export const FILE_RULE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/file-rules",
    summary: "List every rule about files that holds, the highest level first",
    who: ROLES,
    includesInstance: true,
    query: object({ agent: optional(AGENT) }),
    answers: { 200: "The rules; those that can be removed with their `id`" },
    handle: async (exchange, _body, { agent }) => {
      const { tenant } = await exchange.manager();
      const { fileGates } = exchange.services;
      const about = await agentOf(exchange, tenant, agent);
      const [stored, all] = await Promise.all([fileGates.list(tenant), fileGates.rulesFor(tenant, about)]);
      const shown = stored.filter((rule) => rule.agent === null || agent === undefined || rule.agent === about);
      const above = all.filter(({ level }) => level === "builtin" || (level === "instance" && !hasInstance(stored)));
      return { json: { rules: [...above.map(renderRule), ...shown.map(renderStored)] } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/file-rules",
    summary: "Add a rule about files; it can only take away",
    who: ROLES,
    includesInstance: true,
    body: object({
      glob: text({ max: 300, description: "`*` within a name, `**` for folders; `/…` absolute, `~/…` in any home" }),
      access: choice(FILE_ACCESSES),
      agent: optional(AGENT),
    }),
    answers: { 201: "The rule" },
    errors: ["name_taken"],
    handle: async (exchange, { glob, access, agent }) => {
      const { tenant, subject } = await exchange.manager();
      const about = await agentOf(exchange, tenant, agent);
      const rule = await exchange.services.fileGates.add(tenant, subject, {
        glob,
        access,
        ...(about === undefined ? {} : { agent: about }),
      });
      return { status: 201, json: renderStored(rule) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/file-rules/{rule}",
    summary: "Remove a rule about files; the built-in ones stay",
    who: ROLES,
    includesInstance: true,
    answers: { 200: "Its id" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const rule = parseId("fileRule", exchange.param("rule"));
      await exchange.services.fileGates.remove(tenant, subject, rule);
      return { json: { id: rule } };
    },
  }),
];

async function agentOf(exchange: Exchange, tenant: TenantId, agent: string | undefined): Promise<AgentId | undefined> {
  return agent === undefined ? undefined : (await exchange.services.agents.show(tenant, agent)).id;
}

function hasInstance(rules: readonly StoredFileRule[]): boolean {
  return rules.some(({ level }) => level === "instance");
}

function renderRule({ level, glob, access, except }: FileRule): Readonly<Record<string, unknown>> {
  return { level, glob, access, ...(except === undefined ? {} : { except }) };
}

function renderStored(rule: StoredFileRule): Readonly<Record<string, unknown>> {
  const { id, level, agent, glob, access, createdAt } = rule;
  return { id, level, glob, access, ...(agent === null ? {} : { agent }), created_at: toRfc3339(createdAt) };
}
