import { resolve } from "node:path";
import { createFileGates, type FileGates, type FileGatesDependencies } from "./file-gates.ts";
import { createOfflinePolicies, type OfflinePolicies, type OfflinePoliciesDependencies } from "./offline-policies.ts";
import { createToolGovernor, type ToolGovernor } from "./tool-governor.ts";
import { createToolMatrices, type ToolMatrices } from "./tool-matrix.ts";

/** Everything about agents' own tools: what may be touched, how often, and what holds without this instance. */
export interface ToolServices {
  readonly fileGates: FileGates;
  readonly toolMatrices: ToolMatrices;
  readonly offlinePolicies: OfflinePolicies;
  readonly governor: ToolGovernor;
}

/** What {@link createToolServices} needs. */
export interface ToolServicesDependencies
  extends Omit<FileGatesDependencies, "ownFolders">,
    Pick<OfflinePoliciesDependencies, "signer"> {
  /** This instance's own, which no agent opens. */
  readonly dataFolder: string;
}

/** Makes them. */
export function createToolServices(dependencies: ToolServicesDependencies): ToolServices {
  const { dataFolder, recorder, reader, clock, signer } = dependencies;
  const fileGates = createFileGates({ ...dependencies, ownFolders: [resolve(dataFolder)] });
  const toolMatrices = createToolMatrices({ recorder, reader, clock });
  return {
    fileGates,
    toolMatrices,
    offlinePolicies: createOfflinePolicies({ matrices: toolMatrices, gates: fileGates, signer, clock }),
    governor: createToolGovernor({ matrices: toolMatrices, gates: fileGates, reader, recorder }),
  };
}
