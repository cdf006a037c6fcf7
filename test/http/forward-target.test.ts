import { expect, test } from "bun:test";
import { pickTarget } from "#src/http/forward-target.ts";
import type { Connection } from "#src/vault/connections.ts";

const connection = (name: string, basePath: string) => ({ name, basePath }) as Connection;

test("the longest base path that a request is in counts", () => {
  const targets = [connection("all", ""), connection("api", "/api"), connection("v3", "/api/v3")];
  expect(pickTarget(targets, "https://h/api/v3/x?y=1")).toEqual({ connection: "v3", path: "/x?y=1" });
  expect(pickTarget(targets, "https://h/api/v33")).toEqual({ connection: "api", path: "/v33" });
  expect(pickTarget(targets, "https://h/apix/%2e%2e/")).toEqual({ connection: "all", path: "/apix/%2e%2e/" });
  expect(pickTarget(targets, "https://h")).toEqual({ connection: "all", path: "/" });
});

test("outside of every base path, and in two at once, there is none", () => {
  expect(pickTarget([connection("api", "/api")], "https://h/other")).toHaveProperty("refusal");
  expect(pickTarget([connection("a", "/x"), connection("b", "/x")], "https://h/x/y")).toHaveProperty("refusal");
});
