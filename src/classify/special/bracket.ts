/** Where a bracket expression of a regular expression that begins at `open` ends (POSIX, 9.3.5); -1 where it does not. */
export function bracketEnd(text: string, open: number): number {
  let at = open + 1;
  if (text[at] === "^") at += 1;
  if (text[at] === "]") at += 1;
  for (;;) {
    const close = text.indexOf("]", at);
    const inner = text.indexOf("[:", at);
    if (close === -1 || inner === -1 || inner > close) return close;
    const innerEnd = text.indexOf(":]", inner + 2);
    if (innerEnd === -1) return close;
    at = innerEnd + 2;
  }
}
