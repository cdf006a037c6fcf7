/** Files that the bundler embeds as text: `with { type: "text" }`. */
declare module "*.css" {
  const text: string;
  export = text;
}
declare module "*.svg" {
  const text: string;
  export = text;
}
declare module "#views/assets/app.js" {
  const text: string;
  export = text;
}
declare module "htmx.org/dist/htmx.min.js" {
  const text: string;
  export = text;
}
