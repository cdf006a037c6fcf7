import allowOneConnection from "#policies/templates/allow-one-connection.cedar" with { type: "text" };
import allowOneConnectionTests from "#policies/templates/allow-one-connection.tests.json" with { type: "text" };
import budget from "#policies/templates/budget.cedar" with { type: "text" };
import budgetTests from "#policies/templates/budget.tests.json" with { type: "text" };
import budgetCosign from "#policies/templates/budget-cosign.cedar" with { type: "text" };
import budgetCosignTests from "#policies/templates/budget-cosign.tests.json" with { type: "text" };
import businessHours from "#policies/templates/business-hours.cedar" with { type: "text" };
import businessHoursTests from "#policies/templates/business-hours.tests.json" with { type: "text" };
import changeFreeze from "#policies/templates/change-freeze.cedar" with { type: "text" };
import changeFreezeTests from "#policies/templates/change-freeze.tests.json" with { type: "text" };
import cosignCommand from "#policies/templates/cosign-command.cedar" with { type: "text" };
import cosignCommandTests from "#policies/templates/cosign-command.tests.json" with { type: "text" };
import cosignOutsideHours from "#policies/templates/cosign-outside-hours.cedar" with { type: "text" };
import cosignOutsideHoursTests from "#policies/templates/cosign-outside-hours.tests.json" with { type: "text" };
import cosignResource from "#policies/templates/cosign-resource.cedar" with { type: "text" };
import cosignResourceTests from "#policies/templates/cosign-resource.tests.json" with { type: "text" };
import cosignWrites from "#policies/templates/cosign-writes.cedar" with { type: "text" };
import cosignWritesTests from "#policies/templates/cosign-writes.tests.json" with { type: "text" };
import denyCommands from "#policies/templates/deny-commands.cedar" with { type: "text" };
import denyCommandsTests from "#policies/templates/deny-commands.tests.json" with { type: "text" };
import denyList from "#policies/templates/deny-list.cedar" with { type: "text" };
import denyListTests from "#policies/templates/deny-list.tests.json" with { type: "text" };
import environmentResources from "#policies/templates/environment-resources.cedar" with { type: "text" };
import environmentResourcesTests from "#policies/templates/environment-resources.tests.json" with { type: "text" };
import fileProtect from "#policies/templates/file-protect.cedar" with { type: "text" };
import fileProtectTests from "#policies/templates/file-protect.tests.json" with { type: "text" };
import fileRead from "#policies/templates/file-read.cedar" with { type: "text" };
import fileReadTests from "#policies/templates/file-read.tests.json" with { type: "text" };
import fileWrite from "#policies/templates/file-write.cedar" with { type: "text" };
import fileWriteTests from "#policies/templates/file-write.tests.json" with { type: "text" };
import guardEnvironment from "#policies/templates/guard-environment.cedar" with { type: "text" };
import guardEnvironmentTests from "#policies/templates/guard-environment.tests.json" with { type: "text" };
import ownWrites from "#policies/templates/own-writes.cedar" with { type: "text" };
import ownWritesTests from "#policies/templates/own-writes.tests.json" with { type: "text" };
import perEnvironment from "#policies/templates/per-environment.cedar" with { type: "text" };
import perEnvironmentTests from "#policies/templates/per-environment.tests.json" with { type: "text" };
import perLabel from "#policies/templates/per-label.cedar" with { type: "text" };
import perLabelTests from "#policies/templates/per-label.tests.json" with { type: "text" };
import perOwner from "#policies/templates/per-owner.cedar" with { type: "text" };
import perOwnerTests from "#policies/templates/per-owner.tests.json" with { type: "text" };
import perRepository from "#policies/templates/per-repository.cedar" with { type: "text" };
import perRepositoryTests from "#policies/templates/per-repository.tests.json" with { type: "text" };
import protectBranch from "#policies/templates/protect-branch.cedar" with { type: "text" };
import protectBranchTests from "#policies/templates/protect-branch.tests.json" with { type: "text" };
import protectLabel from "#policies/templates/protect-label.cedar" with { type: "text" };
import protectLabelTests from "#policies/templates/protect-label.tests.json" with { type: "text" };
import publishPackages from "#policies/templates/publish-packages.cedar" with { type: "text" };
import publishPackagesTests from "#policies/templates/publish-packages.tests.json" with { type: "text" };
import quorum from "#policies/templates/quorum.cedar" with { type: "text" };
import quorumTests from "#policies/templates/quorum.tests.json" with { type: "text" };
import readCeiling from "#policies/templates/read-ceiling.cedar" with { type: "text" };
import readCeilingTests from "#policies/templates/read-ceiling.tests.json" with { type: "text" };
import readOneConnection from "#policies/templates/read-one-connection.cedar" with { type: "text" };
import readOneConnectionTests from "#policies/templates/read-one-connection.tests.json" with { type: "text" };
import readOnly from "#policies/templates/read-only.cedar" with { type: "text" };
import readOnlyTests from "#policies/templates/read-only.tests.json" with { type: "text" };
import requireRun from "#policies/templates/require-run.cedar" with { type: "text" };
import requireRunTests from "#policies/templates/require-run.tests.json" with { type: "text" };
import reviewOnly from "#policies/templates/review-only.cedar" with { type: "text" };
import reviewOnlyTests from "#policies/templates/review-only.tests.json" with { type: "text" };
import runLength from "#policies/templates/run-length.cedar" with { type: "text" };
import runLengthTests from "#policies/templates/run-length.tests.json" with { type: "text" };
import shellDenyPrograms from "#policies/templates/shell-deny-programs.cedar" with { type: "text" };
import shellDenyProgramsTests from "#policies/templates/shell-deny-programs.tests.json" with { type: "text" };
import shellPrograms from "#policies/templates/shell-programs.cedar" with { type: "text" };
import shellProgramsTests from "#policies/templates/shell-programs.tests.json" with { type: "text" };
import shellRead from "#policies/templates/shell-read.cedar" with { type: "text" };
import shellReadTests from "#policies/templates/shell-read.tests.json" with { type: "text" };
import suspendAgent from "#policies/templates/suspend-agent.cedar" with { type: "text" };
import suspendAgentTests from "#policies/templates/suspend-agent.tests.json" with { type: "text" };
import suspendConnection from "#policies/templates/suspend-connection.cedar" with { type: "text" };
import suspendConnectionTests from "#policies/templates/suspend-connection.tests.json" with { type: "text" };
import tierCeiling from "#policies/templates/tier-ceiling.cedar" with { type: "text" };
import tierCeilingTests from "#policies/templates/tier-ceiling.tests.json" with { type: "text" };
import timeBoxed from "#policies/templates/time-boxed.cedar" with { type: "text" };
import timeBoxedTests from "#policies/templates/time-boxed.tests.json" with { type: "text" };
import { type PolicyTemplate, parseTemplate } from "./template.ts";

/** A template that comes with Writ. */
export interface ShippedTemplate extends PolicyTemplate {
  /** A test file for the template with its examples, beside its `beside`. */
  readonly tests: string;
}

/** Text of each template and of its tests, by name. */
const SOURCES: readonly (readonly [name: string, template: string, tests: unknown])[] = [
  ["allow-one-connection", allowOneConnection, allowOneConnectionTests],
  ["budget", budget, budgetTests],
  ["budget-cosign", budgetCosign, budgetCosignTests],
  ["business-hours", businessHours, businessHoursTests],
  ["change-freeze", changeFreeze, changeFreezeTests],
  ["cosign-command", cosignCommand, cosignCommandTests],
  ["cosign-outside-hours", cosignOutsideHours, cosignOutsideHoursTests],
  ["cosign-resource", cosignResource, cosignResourceTests],
  ["cosign-writes", cosignWrites, cosignWritesTests],
  ["deny-commands", denyCommands, denyCommandsTests],
  ["deny-list", denyList, denyListTests],
  ["environment-resources", environmentResources, environmentResourcesTests],
  ["file-protect", fileProtect, fileProtectTests],
  ["file-read", fileRead, fileReadTests],
  ["file-write", fileWrite, fileWriteTests],
  ["guard-environment", guardEnvironment, guardEnvironmentTests],
  ["own-writes", ownWrites, ownWritesTests],
  ["per-environment", perEnvironment, perEnvironmentTests],
  ["per-label", perLabel, perLabelTests],
  ["per-owner", perOwner, perOwnerTests],
  ["per-repository", perRepository, perRepositoryTests],
  ["protect-branch", protectBranch, protectBranchTests],
  ["protect-label", protectLabel, protectLabelTests],
  ["publish-packages", publishPackages, publishPackagesTests],
  ["quorum", quorum, quorumTests],
  ["read-ceiling", readCeiling, readCeilingTests],
  ["read-one-connection", readOneConnection, readOneConnectionTests],
  ["read-only", readOnly, readOnlyTests],
  ["require-run", requireRun, requireRunTests],
  ["review-only", reviewOnly, reviewOnlyTests],
  ["run-length", runLength, runLengthTests],
  ["shell-deny-programs", shellDenyPrograms, shellDenyProgramsTests],
  ["shell-programs", shellPrograms, shellProgramsTests],
  ["shell-read", shellRead, shellReadTests],
  ["suspend-agent", suspendAgent, suspendAgentTests],
  ["suspend-connection", suspendConnection, suspendConnectionTests],
  ["tier-ceiling", tierCeiling, tierCeilingTests],
  ["time-boxed", timeBoxed, timeBoxedTests],
];

let templates: ReadonlyMap<string, ShippedTemplate> | undefined;

/** All templates that come with Writ, by name, sorted. Read at the first use. */
export function shippedTemplates(): ReadonlyMap<string, ShippedTemplate> {
  templates ??= new Map(
    SOURCES.map(([name, source, tests]) => [name, { ...parseTemplate(name, source), tests: tests as string }]),
  );
  return templates;
}
