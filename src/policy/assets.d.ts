/** Files that the bundler embeds as text: `with { type: "text" }`. */
declare module "*.cedar" {
  const text: string;
  export = text;
}
declare module "*.cedarschema" {
  const text: string;
  export = text;
}
