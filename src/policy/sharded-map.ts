/** A power of two. */
const SHARDS = 32;

/**
 * A map from strings in many small maps. A map that grows is rehashed at once, at 50,000 entries for several
 * milliseconds; a small one is done within one step of an index that is built in steps.
 */
export class ShardedMap<Value> {
  private readonly shards: Map<string, Value>[] = Array.from({ length: SHARDS }, () => new Map());

  get(key: string): Value | undefined {
    return this.shardOf(key).get(key);
  }

  has(key: string): boolean {
    return this.shardOf(key).has(key);
  }

  set(key: string, value: Value): void {
    this.shardOf(key).set(key, value);
  }

  /** By the last characters, where ids that are numbered or random differ. */
  private shardOf(key: string): Map<string, Value> {
    const { length } = key;
    const mixed = key.charCodeAt(length - 1) * 7 + key.charCodeAt(length - 2) * 3 + length;
    return this.shards[mixed & (SHARDS - 1)] as Map<string, Value>;
  }
}
