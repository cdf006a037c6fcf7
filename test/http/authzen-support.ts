import type { Answered, Edge, Household } from "./support.ts";

/** One tenant as tests of evaluations fill and ask it. */
export interface Stand {
  readonly tenant: string;
  readonly home: Household;
  policies(source: string): Promise<void>;
  /** Declares types and actions of the tenant's own. */
  schema(source: string): Promise<void>;
  entities(entities: readonly unknown[]): Promise<void>;
  types(map: object): Promise<void>;
  /** As an enforcement point, unless a token is given. */
  ask(path: string, body: unknown, token?: string, headers?: Readonly<Record<string, string>>): Promise<Answered>;
}

/** The short ways of a tenant that {@link settle} filled. */
export function standOf(edge: Edge, tenant: string, home: Household): Stand {
  const manage = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await edge.operate(method, path, { body, headers: { "writ-tenant": tenant } });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  };
  return {
    tenant,
    home,
    schema: (source) => manage("PUT", "/v1/admin/policies/schema", { source }),
    policies: (source) => manage("PUT", "/v1/admin/policies", { source }),
    entities: (entities) => manage("POST", "/v1/admin/entities/import", { entities }),
    types: (map) => manage("PUT", "/v1/admin/type-map", map),
    ask: (path, body, token = home.pdp, headers = {}) =>
      edge.ask("POST", `/access/v1/${path}`, { token, body, headers }),
  };
}

/** The Todo application of the AuthZEN interop: five people with roles, and who may do what. */
export const TODO_POLICIES = `
@id("read") permit (principal is user, action in [Action::"can_read_user", Action::"can_read_todos"], resource);
@id("create") permit (principal is user, action == Action::"can_create_todo", resource is todo)
when { principal.roles.containsAny(["admin", "editor"]) };
@id("own") permit (principal is user, action in [Action::"can_update_todo", Action::"can_delete_todo"], resource is todo)
when { principal.roles.contains("editor") && resource has ownerID && resource.ownerID == principal.email };
@id("any") permit (principal is user, action in [Action::"can_update_todo", Action::"can_delete_todo"], resource is todo)
when { principal.roles.contains("evil_genius") || (principal.roles.contains("admin") && action == Action::"can_delete_todo") };
`;

export const TODO_SCHEMA = `
entity user { email: String, roles: Set<String> };
entity todo { ownerID?: String };
action can_read_user appliesTo { principal: [user], resource: [user], context: { writ: Writ } };
action can_read_todos, can_create_todo, can_update_todo, can_delete_todo
  appliesTo { principal: [user], resource: [todo], context: { writ: Writ } };
`;

const PEOPLE: readonly (readonly [id: string, email: string, roles: readonly string[]])[] = [
  ["CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "rick@the-citadel.com", ["admin", "evil_genius"]],
  ["CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "morty@the-citadel.com", ["editor"]],
  ["CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "summer@the-smiths.com", ["editor"]],
  ["CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "beth@the-smiths.com", ["viewer"]],
  ["CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "jerry@the-smiths.com", ["viewer"]],
];

export const TODO_ENTITIES = PEOPLE.map(([id, email, roles]) => ({
  uid: { type: "user", id },
  attrs: { email, roles },
  parents: [],
}));
