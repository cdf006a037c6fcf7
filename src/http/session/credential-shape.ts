import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { AssertionResponse, EnrolmentResponse } from "#src/consent/passkeys.ts";
import { isObject, type Shape } from "../shape.ts";

/** Far beyond what authenticators give without attestation. */
const MAX_CHARACTERS = 16_384;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const SCHEMA: JsonObject = {
  type: "object",
  description: "a PublicKeyCredential's `toJSON()` (WebAuthn level 3, section 5.1)",
  properties: {
    id: { type: "string" },
    rawId: { type: "string" },
    type: { const: "public-key" },
    response: { type: "object" },
  },
  required: ["id", "rawId", "type", "response"],
};

/** What `navigator.credentials.create` answered. Browsers put more into it than is needed: that is not looked at. */
export const ENROLMENT_RESPONSE: Shape<EnrolmentResponse> = {
  schema: SCHEMA,
  parse: (json, place) => {
    const { id, response } = readCredential(json, place);
    const transports = response["transports"];
    return {
      id,
      rawId: id,
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: binary(response["clientDataJSON"], `${place}.response.clientDataJSON`),
        attestationObject: binary(response["attestationObject"], `${place}.response.attestationObject`),
        transports: Array.isArray(transports) ? transports.filter((name) => typeof name === "string") : [],
      },
    };
  },
};

/** What `navigator.credentials.get` answered. */
export const ASSERTION_RESPONSE: Shape<AssertionResponse> = {
  schema: SCHEMA,
  parse: (json, place) => {
    const { id, response } = readCredential(json, place);
    const userHandle = response["userHandle"];
    return {
      id,
      rawId: id,
      type: "public-key",
      clientExtensionResults: {},
      response: {
        clientDataJSON: binary(response["clientDataJSON"], `${place}.response.clientDataJSON`),
        authenticatorData: binary(response["authenticatorData"], `${place}.response.authenticatorData`),
        signature: binary(response["signature"], `${place}.response.signature`),
        ...(userHandle === undefined || userHandle === null
          ? {}
          : { userHandle: binary(userHandle, `${place}.response.userHandle`) }),
      },
    };
  },
};

function readCredential(json: Json, place: string): { readonly id: string; readonly response: JsonObject } {
  if (!isObject(json)) return refuse(place, "must be an object");
  const { id, rawId, type, response } = json;
  const text = binary(id, `${place}.id`);
  if (rawId !== id) return refuse(`${place}.rawId`, "must be the same as `id`");
  if (type !== "public-key") return refuse(`${place}.type`, "must be public-key");
  if (!isObject(response)) return refuse(`${place}.response`, "must be an object");
  return { id: text, response };
}

function binary(json: Json | undefined, place: string): string {
  if (typeof json === "string" && json.length <= MAX_CHARACTERS && BASE64URL.test(json)) return json;
  return refuse(place, "must be base64url");
}

function refuse(place: string, what: string): never {
  throw new WritError("invalid_argument", `\`${place}\` ${what}`, { details: { field: place } });
}
