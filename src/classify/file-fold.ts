/** Characters that some file systems pass over, and that nobody sees. */
const IGNORED = /\p{Default_Ignorable_Code_Point}/gu;

/**
 * The form in which names are compared: without what is not seen, composed (NFC), and without case, as on file systems that
 * tell none. Two names of one file always have one form; that two files can share it only closes more.
 */
export function foldText(text: string): string {
  return text.toWellFormed().replace(IGNORED, "").normalize("NFC").toLowerCase().normalize("NFC");
}

/**
 * Every form that a file system could take a path for: as it is; with characters of compatibility resolved (full width, ligatures);
 * and as Windows reads it: backslashes, dots and blanks at the end of a name, streams behind a colon.
 */
export function foldForms(path: string): readonly string[] {
  const plain = foldText(path);
  const forms = new Set([plain, foldText(path.normalize("NFKC"))]);
  for (const form of [...forms]) forms.add(asWindows(form));
  return [...forms];
}

function asWindows(path: string): string {
  return path
    .replaceAll("\\", "/")
    .split("/")
    .map((name, place) => (/^\.{1,2}$/.test(name) || (place === 0 && /^[a-z]:$/.test(name)) ? name : trimName(name)))
    .join("/");
}

function trimName(name: string): string {
  const colon = name.indexOf(":");
  return (colon > 0 ? name.slice(0, colon) : name).replace(/[. ]+$/, "");
}
