import type { SchemaJson } from "./cedar.ts";
import type { TenantSchema } from "./schema.ts";
import { entityKey } from "./scope.ts";

/**
 * The schema with fewer actions, in which policies that name no other actions than `named` validate exactly as in the
 * whole.
 *
 * Cedar checks a policy once for each action, principal type and resource type. Actions that no policy names differ for it
 * only in what they apply to and in which *named* groups they are: of those that agree in both, one stands for all.
 */
export function reduceSchema(schema: TenantSchema, named: ReadonlySet<string>): SchemaJson<string> {
  const reduced: SchemaJson<string> = {};
  const kept = new Set<string>();
  const classes = new Set<string>();
  for (const [key, { principals, resources, groups }] of schema.actions) {
    if (named.has(key)) kept.add(key);
    if (named.has(key) || principals.length === 0 || resources.length === 0) continue;
    const known = [...groups].filter((group) => named.has(group)).sort();
    const { appliesTo } = declarationOf(schema, key);
    const kind = JSON.stringify([known, appliesTo, schema.actions.get(key)?.uid.type]);
    if (classes.has(kind)) continue;
    classes.add(kind);
    kept.add(key);
  }
  for (const [namespace, { actions, ...rest }] of Object.entries(schema.json)) {
    const type = actionTypeOf(namespace);
    const entries = Object.entries(actions).filter(([id]) => kept.has(entityKey({ type, id })));
    const flat = entries.map(([id, action]) => {
      const groups = [...(schema.actions.get(entityKey({ type, id }))?.groups ?? [])].filter((group) =>
        kept.has(group),
      );
      const memberOf = groups.flatMap((group) => schema.actions.get(group)?.uid ?? []);
      return [id, { ...action, memberOf: memberOf.map((uid) => ({ type: uid.type, id: uid.id })) }] as const;
    });
    reduced[namespace] = { ...rest, actions: Object.fromEntries(flat) };
  }
  return reduced;
}

function actionTypeOf(namespace: string): string {
  return namespace === "" ? "Action" : `${namespace}::Action`;
}

function declarationOf(schema: TenantSchema, key: string): { readonly appliesTo?: unknown } {
  const uid = schema.actions.get(key)?.uid;
  if (uid === undefined) return {};
  const namespace = uid.type === "Action" ? "" : uid.type.slice(0, -"::Action".length);
  return schema.json[namespace]?.actions[uid.id] ?? {};
}
