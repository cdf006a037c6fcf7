import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { WritError } from "#src/base/errors.ts";
import type { Log } from "#src/base/log.ts";
import type { RawEnvironment } from "#src/config/env.ts";
import type { RunningApp } from "../application.ts";
import { Arguments } from "../arguments.ts";
import { type Answer, type Api, withApi } from "../client.ts";
import type { CommandContext } from "../command.ts";
import type { AgentAnswer, AgentRequest, DemoAgent } from "./agent.ts";
import type { DemoUpstream } from "./upstream.ts";

/** What one step leaves for later ones. */
export interface Findings {
  app: RunningApp;
  /** Id of the seal key: what an auditor writes down. */
  sealKey: string;
  agentKey: string;
  agentKeyId: string;
  /** A writ for one issue. */
  writ: string;
  approval: string;
  bundle: string;
}

/** Where the story takes place: the real application, an upstream, an agent, an operator on the host. */
export class World {
  readonly dataFolder: string;
  /** For what is made and thrown away. */
  readonly scratch: string;
  readonly raw: RawEnvironment;
  readonly log: Log;
  readonly upstream: DemoUpstream;
  readonly agent: DemoAgent;
  private readonly context: CommandContext;
  private readonly findings = new Map<keyof Findings, Findings[keyof Findings]>();

  constructor(parts: {
    readonly dataFolder: string;
    readonly scratch: string;
    readonly log: Log;
    readonly upstream: DemoUpstream;
    readonly agent: DemoAgent;
    readonly context: CommandContext;
  }) {
    this.dataFolder = parts.dataFolder;
    this.scratch = parts.scratch;
    this.log = parts.log;
    this.upstream = parts.upstream;
    this.agent = parts.agent;
    // What the caller's shell says of its own server has no part in this.
    this.raw = {
      settings: new Map([
        ["WRIT_DATA", parts.dataFolder],
        ["WRIT_LISTEN", "127.0.0.1:0"],
        ["WRIT_ALLOW_RANGES", "127.0.0.0/8"],
      ]),
      notifySocket: undefined,
      credentialsDirectory: undefined,
    };
    this.context = { ...parts.context, environment: () => this.raw };
  }

  get environment(): CommandContext["environment"] {
    return this.context.environment;
  }

  loadApp(): ReturnType<CommandContext["loadApp"]> {
    return this.context.loadApp();
  }

  keep<Name extends keyof Findings>(name: Name, value: Findings[Name]): void {
    this.findings.set(name, value);
  }

  /** What an earlier step left. Throws where it did not. */
  find<Name extends keyof Findings>(name: Name): Findings[Name] {
    const value = this.findings.get(name);
    if (value === undefined) throw new WritError("invalid_argument", `an earlier step left no \`${name}\``);
    return value as Findings[Name];
  }

  has(name: keyof Findings): boolean {
    return this.findings.has(name);
  }

  forget(name: keyof Findings): void {
    this.findings.delete(name);
  }

  /** The agent asks Writ, with its key unless the request says otherwise. */
  ask(request: AgentRequest): Promise<AgentAnswer> {
    const credential = request.credential ?? this.find("agentKey");
    return this.agent.ask(this.find("app").address, { ...request, credential });
  }

  /** The operator asks Writ, through the socket in the data folder. */
  async operate(work: (api: Api) => Promise<Answer>): Promise<Answer> {
    let answer: Answer = {};
    await withApi(this.context, new Arguments(new Map(), new Map()), async (api) => {
      answer = await work(api);
      return 0;
    });
    return answer;
  }

  /** What the operator reads as a stream. */
  async download(path: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    await this.operate(async (api) => {
      for await (const chunk of await api.stream(path)) chunks.push(chunk);
      return {};
    });
    return Buffer.concat(chunks);
  }

  /** Whether a text stands in any file of the data folder, as it is or in base64, at whatever offset. */
  storesInPlain(text: string): boolean {
    const forms = [Buffer.from(text), ...base64Forms(text)];
    return readdirSync(this.dataFolder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
      .some((bytes) => forms.some((form) => bytes.includes(form)));
  }
}

/** What base64 makes of a text within a longer one: it depends on where the text begins, and on what stands around it. */
function base64Forms(text: string): Buffer[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString("base64");
    return Buffer.from(encoded.slice(shift === 0 ? 0 : 4, -4));
  });
}
