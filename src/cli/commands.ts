import type { Command, CommandGroup } from "./command.ts";

/** A command of the program: what the help says of it, and where it is. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command | CommandGroup>;
}

/** Every command, in the order of the help. Each is a file of its own, loaded when it is asked for. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: "serve", summary: "run", load: async () => (await import("./serve.ts")).serve },
  { name: "init", summary: "make the data folder and the keys", load: async () => (await import("./init.ts")).init },
  {
    name: "doctor",
    summary: "check keys, clock, disk, chain, server and TLS",
    load: async () => (await import("./doctor.ts")).doctor,
  },
  { name: "demo", summary: "the whole story in one command", load: async () => (await import("./demo.ts")).demo },
  { name: "tenant", summary: "tenants of this instance", load: async () => (await import("./tenant.ts")).tenant },
  {
    name: "person",
    summary: "people of a tenant: who may sign in, as what",
    load: async () => (await import("./person.ts")).person,
  },
  {
    name: "subject",
    summary: "all that is known of a person or agent, and forgetting them",
    load: async () => (await import("./subject.ts")).subject,
  },
  { name: "agent", summary: "agents of a tenant", load: async () => (await import("./agent.ts")).agent },
  { name: "key", summary: "keys that agents ask with", load: async () => (await import("./key.ts")).key },
  {
    name: "device",
    summary: "machines that act for agents",
    load: async () => (await import("./device.ts")).device,
  },
  { name: "pair", summary: "make this machine a device", load: async () => (await import("./pair.ts")).pair },
  {
    name: "unpair",
    summary: "take the pairing off this machine",
    load: async () => (await import("./unpair.ts")).unpair,
  },
  {
    name: "runs",
    summary: "what agents did on hosts, each run as a timeline",
    load: async () => (await import("./runs.ts")).runs,
  },
  {
    name: "token",
    summary: "tokens for automation and for enforcement points",
    load: async () => (await import("./token.ts")).token,
  },
  {
    name: "connection",
    summary: "upstreams and the sealed credentials for them",
    load: async () => (await import("./connection.ts")).connection,
  },
  {
    name: "connector",
    summary: "tables of what an upstream's routes mean",
    load: async () => (await import("./connector.ts")).connector,
  },
  {
    name: "entity",
    summary: "what policies know of agents, resources and people",
    load: async () => (await import("./entity.ts")).entity,
  },
  { name: "policy", summary: "what is allowed", load: async () => (await import("./policy.ts")).policy },
  {
    name: "authorize",
    summary: "ask for a decision as an agent",
    load: async () => (await import("./authorize.ts")).authorize,
  },
  {
    name: "approvals",
    summary: "what waits for a person",
    load: async () => (await import("./approvals.ts")).approvals,
  },
  {
    name: "approve",
    summary: "say yes or no to one call",
    load: async () => (await import("./approve.ts")).approve,
  },
  {
    name: "break-glass",
    summary: "emergency grants and their reviews",
    load: async () => (await import("./break-glass.ts")).breakGlass,
  },
  {
    name: "notify",
    summary: "where people are told that something waits",
    load: async () => (await import("./notify.ts")).notify,
  },
  {
    name: "stop",
    summary: "stop an agent, a connection, a tenant or everything, at once",
    load: async () => (await import("./stop.ts")).stop,
  },
  { name: "revoke", summary: "take a writ back", load: async () => (await import("./revoke.ts")).revoke },
  { name: "audit", summary: "the chain of events", load: async () => (await import("./audit.ts")).audit },
  {
    name: "witness",
    summary: "other people's servers that sign this instance's checkpoints",
    load: async () => (await import("./witness.ts")).witness,
  },
  {
    name: "verify",
    summary: "verify data folders and evidence bundles, offline",
    load: async () => (await import("./verify.ts")).verify,
  },
  {
    name: "archive",
    summary: "segments of the chain in a folder or bucket",
    load: async () => (await import("./archive.ts")).archive,
  },
  {
    name: "stream",
    summary: "send events to collectors as they come",
    load: async () => (await import("./stream.ts")).stream,
  },
  {
    name: "backup",
    summary: "copy the instance out, sealed",
    load: async () => (await import("./backup.ts")).backup,
  },
  {
    name: "restore",
    summary: "make a data folder of a backup",
    load: async () => (await import("./restore.ts")).restore,
  },
  { name: "jobs", summary: "what the instance does by itself", load: async () => (await import("./jobs.ts")).jobs },
  {
    name: "telemetry",
    summary: "what the instance keeps about its own work",
    load: async () => (await import("./telemetry.ts")).telemetry,
  },
  { name: "keys", summary: "the instance's own keys", load: async () => (await import("./keys.ts")).keys },
  {
    name: "classify",
    summary: "say what a command line would do",
    load: async () => (await import("./classify.ts")).classify,
  },
  {
    name: "files",
    summary: "files that agents may touch",
    load: async () => (await import("./files.ts")).files,
  },
  {
    name: "tools",
    summary: "the tool matrix: what tools may do, and how often",
    load: async () => (await import("./tools.ts")).tools,
  },
  {
    name: "run",
    summary: "start an agent under Writ",
    load: async () => (await import("./run-agent.ts")).runAgent,
  },
  {
    name: "hook",
    summary: "answer the hooks of coding agents, and install them",
    load: async () => (await import("./hook.ts")).hook,
  },
  {
    name: "redact",
    summary: "remove secrets from standard input",
    load: async () => (await import("./redact.ts")).redact,
  },
];
