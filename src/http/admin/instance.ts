import { toBase64 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { PRODUCT_VERSION } from "#src/base/version.ts";
import { KEY_PURPOSES } from "#src/config/key-line.ts";
import { type Route, route } from "../route.ts";

/** What is done to the instance itself: by whoever holds the host. */
export const INSTANCE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/instance",
    summary: "Show which instance this is and the keys that seal its chains",
    who: ["operator"],
    answers: { 200: "The instance" },
    handle: async ({ services, config }) => ({
      json: {
        id: services.instance.instanceId,
        version: PRODUCT_VERSION,
        public_url: config.publicUrl,
        tenant: services.instance.tenant,
        seal_keys: (await services.rotation.published()).map((key) => ({
          id: key.keyId,
          public_key: toBase64(key.publicKey),
          at: key.at,
          ...(key.previous === null ? {} : { previous: key.previous }),
        })),
      },
    }),
  }),
  route({
    method: "POST",
    path: "/v1/admin/instance/keys/{purpose}/rotation",
    summary: "Make a new key of a purpose (master, ucan, seal) and put it to use",
    who: ["operator"],
    answers: { 201: "The new key's id" },
    errors: ["config_invalid"],
    handle: async (exchange) => {
      const purpose = KEY_PURPOSES.find((name) => name === exchange.param("purpose"));
      if (purpose === undefined) throw new WritError("not_found");
      const id = await exchange.services.rotation.rotate(purpose, exchange.operator().subject);
      return { status: 201, json: { purpose, id } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/tenants/{tenant}/data-key/rotation",
    summary: "Give a tenant a new data key and seal its secrets anew",
    who: ["operator"],
    answers: { 201: "The new key's id" },
    handle: async (exchange) => {
      const { tenantId } = await exchange.services.tenants.show(exchange.param("tenant"));
      const id = await exchange.services.rotation.rotateDataKey(tenantId, exchange.operator().subject);
      return { status: 201, json: { id } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/instance/clock-acceptance",
    summary: "Say that the clock is right although it is behind the newest event",
    who: ["operator"],
    answers: { 200: "The time that was accepted" },
    handle: async (exchange) => {
      const { services, clock } = exchange;
      await services.tenants.acceptClock(services.instance);
      const at = clock.now();
      return { json: { accepted_at: toRfc3339(at) } };
    },
  }),
];
