import type { PolicyRequest } from "./closure.ts";
import { createRequestCheck, type RequestCheck, requestRulesOf } from "./request-rules.ts";
import type { SchemaAction, TenantSchema } from "./schema.ts";
import { type EntityUid, entityKey, readEntityUid } from "./scope.ts";

/** A whole schema, as requests of policy tests are held against it. */
export interface TestFit {
  /** Puts plain JSON into the form that the schema declares, as the server does. */
  readonly check: RequestCheck;
  actionOf(action: EntityUid): SchemaAction | undefined;
  /** Why a request is none that the server would ask policies about, or names what the schema does not have. */
  misfitOf(request: PolicyRequest): string | undefined;
}

/** Makes it, of everything that a schema declares: what connectors bring as well as the tenant's own. */
export function createTestFit(schema: TenantSchema): TestFit {
  const rules = requestRulesOf({ ...schema, own: schema.json });
  const check = createRequestCheck(rules);
  const attributes = new Map(rules.types.map(([type, record]) => [type, new Set(Object.keys(record))]));
  const actionOf = (action: EntityUid) => schema.actions.get(entityKey(action));

  return {
    check,
    actionOf,
    misfitOf: (request) => {
      const { action, entities } = request;
      if ((actionOf(action)?.resources.length ?? 0) === 0) {
        const connection = /^\/http\/([^/]+)\//.exec(action.id)?.[1];
        const help = connection === undefined ? "" : `: \`--connection ${connection}\` names an http connection`;
        return `the schema has no command \`${action.id}\`${help}`;
      }
      const mismatch = check.mismatchOf(request);
      if (mismatch !== undefined) return mismatch;
      for (const { uid, attrs } of entities) {
        const { type } = readEntityUid(uid);
        const known = attributes.get(type);
        const unknown = Object.keys(attrs).find((name) => known !== undefined && !known.has(name));
        if (unknown !== undefined) return `\`${type}\` has no attribute \`${unknown}\``;
      }
      return undefined;
    },
  };
}
