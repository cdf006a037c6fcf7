import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { putTypeMap, readTypeMap } from "#src/store/entities.ts";
import type { Reader } from "#src/store/reader.ts";
import { isEntityType } from "./cedar-value.ts";

/** How another vocabulary's names are called in Cedar: pairs of theirs and ours. A name that is not listed stands for itself. */
export interface TypeMap {
  readonly subjectTypes: ReadonlyMap<string, string>;
  readonly resourceTypes: ReadonlyMap<string, string>;
  /** To ids of `Action`. */
  readonly actions: ReadonlyMap<string, string>;
}

/** A tenant's map. */
export interface TypeMaps {
  show(tenant: TenantId): Promise<TypeMap>;
  /** `invalid_argument` for a type that is none in Cedar. */
  put(tenant: TenantId, actor: SubjectId, map: TypeMap): Promise<void>;
}

/** What {@link createTypeMaps} needs. */
export interface TypeMapsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly clock: Clock;
}

type Pairs = readonly (readonly [string, string])[];

/** Makes the service; a map is kept in memory for one authority epoch. */
export function createTypeMaps({ recorder, reader, clock }: TypeMapsDependencies): TypeMaps {
  const known = new Map<TenantId, { readonly epoch: number; readonly map: TypeMap }>();
  return {
    show: async (tenant) => {
      const epoch = recorder.epochOf(tenant);
      const cached = known.get(tenant);
      if (cached?.epoch === epoch) return cached.map;
      const text = await readTypeMap(reader, tenant);
      const map = text === undefined ? EMPTY : fromJson(JSON.parse(text));
      known.set(tenant, { epoch, map });
      return map;
    },
    put: async (tenant, actor, map) => {
      for (const type of [...map.subjectTypes.values(), ...map.resourceTypes.values()]) {
        if (isEntityType(type)) continue;
        throw new WritError(
          "invalid_argument",
          `\`${type.slice(0, 100)}\` is no entity type, such as GitHub::Repository`,
        );
      }
      const json = {
        subject_types: [...map.subjectTypes],
        resource_types: [...map.resourceTypes],
        actions: [...map.actions],
      };
      await recorder.record({
        tenant,
        type: "type_map.changed",
        actor,
        statements: [putTypeMap(tenant, JSON.stringify(json), clock.now())],
        data: json,
        raisesEpoch: true,
      });
    },
  };
}

const EMPTY: TypeMap = { subjectTypes: new Map(), resourceTypes: new Map(), actions: new Map() };

function fromJson(json: { subject_types: Pairs; resource_types: Pairs; actions: Pairs }): TypeMap {
  return {
    subjectTypes: new Map(json.subject_types),
    resourceTypes: new Map(json.resource_types),
    actions: new Map(json.actions),
  };
}

/** The Cedar type of a name; undefined for one that is not listed and is no Cedar type itself. */
export function toEntityType(map: ReadonlyMap<string, string>, name: string): string | undefined {
  return map.get(name) ?? (isEntityType(name) ? name : undefined);
}
