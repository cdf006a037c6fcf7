/** What a text in the place of an entity should have been, by what stands before it. */
export function helpWithLiteral(message: string, before: string): string | undefined {
  const id = /^expected an entity uid.*, found literal `("(?:[^"\\]|\\.)*")`/s.exec(message)?.[1];
  const dimension = /^[\s\S]*\b(principal|action|resource)\s*(?:==|in)\s*(?:\[[^\]]*)?$/.exec(before)?.[1];
  if (id === undefined || dimension === undefined) return undefined;
  const type = dimension === "principal" ? "Agent" : dimension === "action" ? "Action" : undefined;
  return type === undefined ? `write its type before it, such as \`Connection::${id}\`` : `write \`${type}::${id}\``;
}
