// Files that Bun embeds: their text, or the path under which the binary finds them.
declare module "*.sql" {
  const text: string;
  export default text;
}
declare module "*.cedar" {
  const text: string;
  export default text;
}
declare module "*.cedarschema" {
  const text: string;
  export default text;
}
declare module "*.wasm" {
  const path: string;
  export default path;
}
