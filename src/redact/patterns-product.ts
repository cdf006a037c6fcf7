import type { SecretPattern } from "./pattern-set.ts";
import { isLiteral } from "./plausible.ts";

const UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
/** The rest of a key, its closing quote, an operator, an opening quote. */
const IS = "[A-Za-z0-9_.-]{0,24}(?:\\\\?[\"'])?[ \\t]{0,32}(?:=>|:=|[=:,])?[ \\t]{0,32}(?:\\\\?[\"'])?";
/** Words of a command line, none of them the option that is looked for, nor the command again. */
function wordsBefore(command: string, option: string): string {
  return `(?:(?!${option} |${command})[^ \\r\\n]{0,100} ){0,8}${option}[ ]{1,4}`;
}

function product(
  id: string,
  anchors: readonly string[],
  expression: string,
  accepts?: SecretPattern["accepts"],
): SecretPattern {
  return { id, anchors, expression, ignoreCase: true, left: "any", contextual: true, ...(accepts && { accepts }) };
}

/** Secrets without a format of their own, in the places where a product's users keep them. */
export const PRODUCT_PATTERNS: readonly SecretPattern[] = [
  product(
    "service-key",
    ["heroku", "postmark", "sauce", "jenkins"],
    `(?:heroku|postmark|sauce|jenkins)${IS}(${UUID}|[0-9a-f]{32,34})(?![A-Za-z0-9])`,
  ),
  product(
    "jenkins-initial-secret",
    ["proceed to installation:"],
    "proceed to installation:[\\s\\\\rn]{1,12}([0-9a-f]{32})",
  ),
  {
    ...product("jwt-secret", ["jwt"], "jwt(?:[_-]?secret|:\\r?\\n[ \\t]{1,8}secret)", isLiteral),
    assignment: { quoted: true },
  },
  product(
    "aws-secret-key",
    ["aws_secret", "secret_access_key", "secretaccesskey"],
    `(?:aws_secret|secret_?access_?key)${IS}>?[ \\t]{0,4}([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])`,
  ),
  product(
    "google-client-secret",
    ["client_secret", "clientsecret"],
    "client_?secret(?:\\\\?[\"'])?[ \\t]{0,16}[:=][ \\t]{0,16}\\\\?[\"']([A-Za-z0-9_-]{24})(?=\\\\?[\"'])",
  ),
  product(
    "okta-token",
    ["okta"],
    "okta[A-Za-z0-9_.-]{0,24}[^A-Za-z0-9\\r\\n]{1,12}(?:\\r?\\n[ \\t]{1,16})?(?:default[ =]{1,4}[\"']?)?(00[A-Za-z0-9_-]{40})(?![A-Za-z0-9_-])",
  ),
  product("azure-devops-token", ["_pat"], `_pat${IS}([a-z0-9]{52})(?![A-Za-z0-9])`),
  product("sonar-token", ["sonar"], `sonar[._]?login${IS}([0-9a-f]{40})(?![0-9a-f])`),
  product("github-client-id", ["github_client_id"], `github_client_id${IS}([0-9a-f]{20})(?![0-9a-f])`),
  product("codeclimate-key", ["cc_test_reporter_id"], `cc_test_reporter_id${IS}([0-9a-f]{64})`),
  product("facebook-key", ["facebook.key", "facebook_key"], `facebook[._]key${IS}([0-9a-f]{32})(?![0-9a-f])`),
  product("linkedin-key", ["linkedin"], `linkedin_(?:key|id|client_id)${IS}([a-z0-9]{12,14})(?=["'])`),
  product(
    "twitter-key",
    ["twitter"],
    `twitter_(?:id|key|api_key|consumer_key)(?:["'])?[ \\t]{0,20}[:=][ \\t]{0,20}["']([A-Za-z0-9]{18,25})(?=["'])`,
  ),
  product(
    "thingsboard-token",
    ["thingsboard", "provisiondevicekey"],
    `(?:thingsboard\\.cloud/api/v1/|provisionDeviceKey${IS})([a-z0-9]{20})(?![a-z0-9])`,
  ),
  product(
    "truenas-key",
    ["login_with_api_key"],
    'login_with_api_key"[,\\s]{1,12}"params"[\\s:\\[]{1,12}"([A-Za-z0-9-]{60,70})',
  ),
  product("build-config-key", ["api_key'"], "api_key'[ ,]{1,4}'\\\\?\"([0-9a-f]{32})"),
  product("phpmailer", ["mail->"], "mail->(?:host|username|password)[ ]{0,20}=[ ]{0,4}[\"']([^\"'\\\\]{1,100})"),
  product(
    "front-end-login",
    ["react_app_"],
    "react_app_(?:(?!user|pass)[A-Z0-9]{1,20}_){0,6}(?:username|user|password|pass)=([^\\s\"'\\\\]{3,100})",
    isLiteral,
  ),
  product(
    "vsphere-login",
    ["connect-viserver"],
    `connect-viserver ${wordsBefore("connect-viserver", "-user")}["']?([^\\s"'\\\\]{1,100}(?: -password [^\\s"'\\\\]{1,100})?)`,
  ),
  product(
    "psexec-login",
    ["psexec"],
    `psexec(?:\\.exe)? ${wordsBefore("psexec", "-u")}([^\\s"]{1,100} -p [^\\s"\\\\]{1,100})`,
  ),
  product(
    "network-credential",
    ["networkcredential(", "directoryentry("],
    '(?:networkcredential|directoryentry)\\("(?![,:}\\]\\s])([^"\\r\\n]{1,100}(?:",\\s{0,40}"[^"\\r\\n]{1,100}){1,2})',
  ),
  product(
    "setting-password",
    ["add key="],
    'add key="((?:(?!password)[A-Za-z0-9_.]){0,16}password" value="[^"\\r\\n\\\\]{1,200})',
  ),
  product(
    "stated-login",
    ["password for "],
    "password for (?:the )?user [\"']([^\\s\"'\\\\]{1,60}[\"'] is [\"'][^\\s\"'\\\\]{1,60})",
  ),
  product(
    "build-credentials",
    ["credentials {"],
    "credentials \\{(\\r?\\n\\s{0,40}(?://[^\\r\\n]{0,100}\\s{0,40})?(?:username|password)[ ]{1,4}[\"'][^{}]{1,300})",
  ),
];

/**
 * What is no secret by itself but names an owner's account: resource names, and numbers that a key calls an account's. They
 * go because collections of leaked credentials count them as finds (11 of 426 in the one that the tests read), and because
 * service, region and the names that the cloud itself owns (`arn:aws:iam::aws:policy/…`) stay, which is what a reader of
 * ordinary configuration needs. A bare number of twelve digits stays: it may be anything.
 */
export const ACCOUNT_PATTERNS: readonly SecretPattern[] = [
  {
    id: "aws-arn",
    anchors: ["arn:aws"],
    expression: "arn:aws(?:-cn|-us-gov)?:[a-z0-9-]{1,40}:[a-z0-9-]{0,30}:(\\d{0,12}:[^\\s\"'`\\\\<>]{1,300})",
  },
  {
    id: "aws-account-id",
    anchors: ["aws-account-id", "aws_account_id", "awsaccountid"],
    left: "any",
    ignoreCase: true,
    expression: `aws[_-]?account[_-]?id${IS}(\\d{12})(?!\\d)`,
  },
];
