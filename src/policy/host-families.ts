import type { SchemaConnector } from "./schema.ts";

/**
 * The commands of a host, whose tier each call decides: a command line, a file. A folder is a `File::Path` like the files
 * below it, so that `resource in File::Path::"/srv/app"` covers all of them.
 */
export const HOST_FAMILIES: readonly SchemaConnector[] = [
  {
    routes: [
      { command: "/shell/exec", resource: { type: "Shell::Command" }, attributes: { program: "", cwd: "", host: "" } },
    ],
    commands: new Map([["/shell/exec", ["read", "write", "danger"]]]),
  },
  {
    routes: ["/file/read", "/file/write", "/file/delete"].map((command) => ({
      command,
      resource: { type: "File::Path" },
      attributes: { path: "", name: "" },
    })),
    commands: new Map([
      ["/file/read", "read"],
      ["/file/write", "write"],
      ["/file/delete", "danger"],
    ]),
    within: new Map([["File::Path", ["File::Path"]]]),
  },
];
