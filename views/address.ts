/** A path of this server from a template whose values are each one segment or one value of the query. */
export function path(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return strings.reduce((text, part, index) => `${text}${encodeURIComponent(String(values[index - 1]))}${part}`);
}

/** A path with a query of the members that have a value. */
export function withQuery(pathname: string, members: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(members)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text === "" ? pathname : `${pathname}?${text}`;
}
