import { bench, jsonPost, median, print, runLoad, startWrit } from "./harness.ts";

// A batch of 100 questions beside 100 single ones, over HTTP, each answer recorded before it is given. One connection, so
// that what is compared is the work for an answer; the two take turns, so that both meet whatever else the machine does.

const QUESTIONS = 100;
const WARM_UP_SECONDS = 3;
const SECONDS = 1.5;
const ROUNDS = 3;

const POLICIES = `
permit (principal in Group::"staff", action == Action::"view", resource is Document) when { resource.open };
permit (principal, action == Action::"edit", resource is Document) when { resource.owner == principal };
`;
const SCHEMA = `
entity Group; entity User in [Group]; entity Document { open: Bool, owner: User };
action view, edit appliesTo { principal: [User], resource: [Document], context: { writ: Writ } };
`;

await bench(async () => {
  const writ = await startWrit({ WRIT_RATE_SOURCE: "0", WRIT_RATE_AGENT: "0", WRIT_RATE_TENANT: "0" });
  await writ.admin("PUT", "/v1/admin/policies/schema", { source: SCHEMA });
  await writ.admin("PUT", "/v1/admin/policies", { source: POLICIES });
  const documents = Array.from({ length: QUESTIONS }, (_, i) => ({
    uid: { type: "Document", id: `d${i}` },
    attrs: { open: i % 2 === 0, owner: { __entity: { type: "User", id: "alice" } } },
    parents: [],
  }));
  const alice = { uid: { type: "User", id: "alice" }, attrs: {}, parents: [{ type: "Group", id: "staff" }] };
  await writ.admin("POST", "/v1/admin/entities/import", { entities: [...documents, alice] });
  const { token } = await writ.admin("POST", "/v1/admin/tokens", { kind: "pdp" });

  const common = { subject: { type: "User", id: "alice" }, action: { name: "view" } };
  const headers = [`authorization: Bearer ${token}`];
  const single = { ...common, resource: { type: "Document", id: "d0" } };
  const batch = { ...common, evaluations: documents.map(({ uid }) => ({ resource: uid })) };
  const orders = {
    single: { path: "/access/v1/evaluation", body: single },
    batch: { path: "/access/v1/evaluations", body: batch },
  };
  const rateOf = async (name: keyof typeof orders, connections: number, seconds: number): Promise<number> => {
    const { path, body } = orders[name];
    const request = jsonPost(writ.port, path, body, headers);
    const result = await runLoad({ port: writ.port, connections, seconds, request, expect: `"decision":true` });
    return result.perSecond;
  };
  for (const connections of [1, 64]) {
    const rates = { single: [] as number[], batch: [] as number[] };
    for (const name of ["single", "batch"] as const) await rateOf(name, connections, WARM_UP_SECONDS);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const name of ["single", "batch"] as const) rates[name].push(await rateOf(name, connections, SECONDS));
    }
    const singles = (QUESTIONS * 1000) / median(rates.single);
    const batches = 1000 / median(rates.batch);
    print(`authzen batch of ${QUESTIONS}, ${connections} connections`, batches, "ms", {
      name: `${QUESTIONS} single questions`,
      value: singles,
    });
  }
});
