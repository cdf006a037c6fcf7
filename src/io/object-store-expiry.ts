import { toBase64, utf8 } from "#src/base/bytes.ts";
import { sha256 } from "#src/crypto/hash.ts";
import type { S3Send } from "./object-store-call.ts";
import { elementsOf, escapeXml, textOf } from "./object-store-xml.ts";

/** The name of Writ's own rule among those of a bucket. */
const RULE = "writ-archive";
const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

/**
 * Writes a rule into the bucket's lifecycle configuration: what is below `prefix` expires so many days after it was put,
 * and its earlier versions with it. Other rules stay as they are. False where the store takes no such rules.
 */
export async function withExpiryRule(send: S3Send, prefix: string, days: number): Promise<boolean> {
  const query = [["lifecycle", ""]] as const;
  const found = await send({ method: "GET", key: "", query });
  const xml = await found.text();
  const isEmpty = found.status === 404 && textOf(xml, "Code") === "NoSuchLifecycleConfiguration";
  if (found.status !== 200 && !isEmpty) return false;
  const rules = isEmpty ? [] : elementsOf(xml, "Rule");
  const own = rules.find((rule) => textOf(rule, "ID") === RULE);
  if (own !== undefined && textOf(own, "Days") === String(days) && textOf(own, "Prefix") === prefix) return true;
  const others = rules.filter((rule) => rule !== own).map((rule) => `<Rule>${rule}</Rule>`);
  const body = utf8(
    `<LifecycleConfiguration xmlns="${NAMESPACE}">${others.join("")}${ruleXml(prefix, days)}</LifecycleConfiguration>`,
  );
  const headers = [["x-amz-checksum-sha256", toBase64(sha256(body))]] as const;
  const answer = await send({ method: "PUT", key: "", query, headers, body });
  await answer.text();
  return answer.status === 200 || answer.status === 204;
}

function ruleXml(prefix: string, days: number): string {
  return (
    `<Rule><ID>${RULE}</ID><Filter><Prefix>${escapeXml(prefix)}</Prefix></Filter><Status>Enabled</Status>` +
    `<Expiration><Days>${days}</Days></Expiration>` +
    "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>" +
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"
  );
}
