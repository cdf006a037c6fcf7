import type { Json } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { EMPTY_FORM } from "#views/form.ts";
import { type NotificationsModel, notificationsBody, notificationsPage } from "#views/notifications.ts";
import { notice } from "#views/parts.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { type AdminRoutes, action, page } from "./page.ts";

/** Where people are told that something waits for them. */
export function notificationPages(admin: AdminRoutes): readonly Route[] {
  const create = admin("POST /v1/admin/notifications");
  const remove = admin("DELETE /v1/admin/notifications/{channel}");
  const test = admin("POST /v1/admin/notifications/{channel}/test");
  const disable = admin("POST /v1/admin/notifications/{channel}/disablement");
  const enable = admin("DELETE /v1/admin/notifications/{channel}/disablement");
  const draw = async (context: PageContext, changes: Partial<NotificationsModel> = {}) =>
    notificationsBody({ ...(await modelOf(context)), ...changes });
  return [
    page({
      path: "/notifications",
      section: "/settings",
      summary: "Show where people are told, as a page",
      permission: "notifications.read",
      draw: async (context) => ({ title: "Notifications", body: notificationsPage(await modelOf(context)) }),
    }),
    action({
      path: "/notifications",
      summary: "Add a channel, from the page of notifications",
      by: [create],
      perform: (ask, form) => ask(create, { name: form.text("name") ?? "", settings: settingsOf(form) }),
      drawsFailure: true,
      draw: (context, outcome) => {
        if (!outcome.ok) return draw(context, { form: failedForm(outcome, ["secret"]) });
        const { secret } = outcome.result;
        return draw(context, { secret: typeof secret === "string" ? secret : undefined });
      },
    }),
    action({
      path: "/notifications/{channel}/test",
      summary: "Tell a test over a channel, from the page of notifications",
      by: [test],
      perform: (ask) => ask(test),
      draw: (context, outcome) => {
        if (!outcome.ok) return draw(context);
        const { ok, error } = outcome.result;
        const said =
          ok === true ? notice("ok", "The test was taken") : notice("bad", "The test was not taken", String(error));
        return draw(context, { said });
      },
    }),
    action({
      path: "/notifications/{channel}/removal",
      summary: "Remove a channel, from the page of notifications",
      by: [remove],
      perform: (ask) => ask(remove),
      draw: (context) => draw(context),
      said: "The channel is removed.",
    }),
    action({
      path: "/notifications/{channel}/disablement",
      summary: "Tell nothing over a channel, from the page of notifications",
      by: [disable],
      perform: (ask) => ask(disable),
      draw: (context) => draw(context),
    }),
    action({
      path: "/notifications/{channel}/enablement",
      summary: "Tell over a channel again, from the page of notifications",
      by: [enable],
      perform: (ask) => ask(enable),
      draw: (context) => draw(context),
    }),
  ];
}

const MAIL_SCHEMES: ReadonlyMap<string, readonly [security: string, port: number]> = new Map([
  ["smtps:", ["tls", 465]],
  ["smtp+starttls:", ["starttls", 587]],
  ["smtp:", ["none", 25]],
]);

/** A channel's settings as the interface takes them. Throws `invalid_argument` for an address that is none of its kind. */
function settingsOf(form: Form): Json {
  const kind = form.text("kind") ?? "";
  const secret = form.text("secret");
  const url = form.text("url");
  switch (kind) {
    case "ntfy":
      return { kind, url: url ?? "", ...(secret === undefined ? {} : { token: secret }) };
    case "telegram":
      return { kind, token: secret ?? "", chat: form.text("chat") ?? "", ...(url === undefined ? {} : { url }) };
    case "email": {
      const address = URL.parse(url ?? "");
      const scheme = MAIL_SCHEMES.get(address?.protocol ?? "");
      if (address === null || scheme === undefined) {
        throw new WritError(
          "invalid_argument",
          "the address of e-mail is smtps://, smtp+starttls:// or smtp:// and a host",
        );
      }
      const [security, port] = scheme;
      return {
        kind,
        host: address.hostname,
        port: address.port === "" ? port : Number(address.port),
        security,
        ...(address.username === "" ? {} : { user: decodeURIComponent(address.username) }),
        ...(secret === undefined ? {} : { password: secret }),
        from: form.text("from") ?? "",
        to: [...form.list("to")],
      };
    }
    default:
      return { kind, url: url ?? "" };
  }
}

async function modelOf({ exchange, tenant, may, now }: PageContext): Promise<NotificationsModel> {
  return {
    channels: await exchange.services.notifications.list(tenant),
    mayWrite: may("notifications.write"),
    now,
    form: EMPTY_FORM,
    secret: undefined,
    said: undefined,
  };
}
