import type { SecretPattern } from "./pattern-set.ts";

/** Nothing that would make the token longer follows. */
const END = "(?![A-Za-z0-9_-])";
const END_ALNUM = "(?![A-Za-z0-9])";

const TWILIO_ANCHORS = Array.from("0123456789abcdef", (digit) => `SK${digit}`);

function token(id: string, anchors: readonly string[], expression: string): SecretPattern {
  return { id, anchors, expression };
}

/** Clouds, hosting and infrastructure. */
const CLOUD: readonly SecretPattern[] = [
  token(
    "aws-access-key-id",
    ["A3T", "AKIA", "ASIA", "AGPA", "AIDA", "AROA", "AIPA", "ANPA", "ANVA"],
    `(?:A3T[A-Z0-9]|AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}${END_ALNUM}`,
  ),
  token("aws-mws-token", ["amzn.mws."], "amzn\\.mws\\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
  token("aws-appsync-key", ["da2-"], `da2-[a-z0-9]{26}${END_ALNUM}`),
  token("google-api-key", ["AIza"], `AIza[0-9A-Za-z_-]{35}${END_ALNUM}`),
  token("google-oauth-secret", ["GOCSPX-"], "GOCSPX-[A-Za-z0-9_-]{28}"),
  token("google-oauth-token", ["ya29."], "ya29\\.[0-9A-Za-z_-]{20,1024}"),
  {
    id: "google-oauth-client",
    anchors: [".apps.googleusercontent"],
    behind: { charClass: "[0-9a-z-]", least: 40, most: 60 },
    expression: "\\.apps\\.googleusercontent\\.com",
  },
  {
    id: "azure-devops-token",
    anchors: ["AZDO"],
    behind: { charClass: "[A-Za-z0-9]", least: 76, most: 76 },
    expression: `AZDO[A-Za-z0-9]{4}${END_ALNUM}`,
  },
  {
    id: "azure-storage-key",
    anchors: ["accountkey=", "sharedaccesskey="],
    left: "any",
    ignoreCase: true,
    expression: "(?:accountkey|sharedaccesskey)=([A-Za-z0-9+/]{40,100}={0,2})",
  },
  {
    id: "azure-connection-secret",
    anchors: [";secret="],
    left: "any",
    ignoreCase: true,
    expression: ";secret=([A-Za-z0-9+/]{40,100}={0,2})",
  },
  token("digitalocean-token", ["doo_v1_", "dop_v1_", "dor_v1_"], `do[opr]_v1_[0-9a-f]{64}${END_ALNUM}`),
  token("databricks-token", ["dapi"], `dapi[0-9a-f]{32}(?:-\\d)?${END_ALNUM}`),
  token("dynatrace-token", ["dt0"], "dt0[a-z]\\d{2}\\.[A-Z0-9]{24}\\.[A-Z0-9]{64}"),
  token(
    "doppler-token",
    ["dp."],
    `dp\\.(?:ct|pt|st|sa|scim|audit)\\.(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,44}${END_ALNUM}`,
  ),
  token("vault-token", ["hvs.", "hvb.", "hvr."], "hv[sbr]\\.[A-Za-z0-9_-]{24,300}"),
  {
    id: "vault-token-legacy",
    anchors: ["vault"],
    ignoreCase: true,
    left: "any",
    expression: `vault[A-Za-z_-]{0,24}[\\"'=: ]{1,6}([sbr].(?:CAESI[A-Za-z0-9_-]{60,200}|[A-Za-z0-9]{24,26}))${END}`,
  },
  token("dependency-track-key", ["odt_"], `odt_[A-Za-z0-9]{32,36}${END_ALNUM}`),
  token("grafana-token", ["glc_", "glsa_"], "(?:glc_eyJ[A-Za-z0-9+/=_-]{60,400}|glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8})"),
  token("grafana-key", ["eyJrIjoi"], "eyJrIjoi[A-Za-z0-9+/_-]{50,200}={0,2}"),
  token("newrelic-key", ["NRAK-", "NRAA-", "NRII-", "NRIQ-", "NRRA-"], "NR(?:AK|AA|II|IQ|RA)-[A-Za-z0-9_-]{27,42}"),
  {
    id: "newrelic-license",
    anchors: ["NRAL"],
    behind: { charClass: "[0-9a-z]", least: 36, most: 36 },
    expression: `NRAL${END_ALNUM}`,
  },
  token("pixie-key", ["px-api-", "px-dep-"], "px-(?:api|dep)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
  token(
    "age-key",
    ["age1", "AGE-SECRET-KEY-1"],
    `(?:age1[02-9ac-hj-np-z]{58}|AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58})${END_ALNUM}`,
  ),
  token("salesforce-session", ["00D"], "00D[A-Za-z0-9]{12}![A-Za-z0-9._]{90,120}"),
  token("segment-token", ["sgp_"], `sgp_(?:[A-Fa-f0-9]{16}_|local_)?[A-Za-z0-9]{40,64}${END_ALNUM}`),
  token("stackhawk-key", ["hawk."], "hawk\\.[A-Za-z0-9_-]{20}\\.[A-Za-z0-9_-]{20}"),
  token("adafruit-key", ["aio_"], `aio_[A-Za-z0-9]{28}${END_ALNUM}`),
  token("blynk-client", ["oa2-client-id_"], "oa2-client-id_[A-Za-z0-9_-]{32}(?::[A-Za-z0-9_-]{20,60})?"),
  {
    id: "kubernetes-bootstrap-token",
    anchors: ["bootstrap"],
    ignoreCase: true,
    expression: "bootstrap[-_]token[\"']?[ \\t:=]{1,4}[\"']?([a-z0-9]{6}\\.[a-z0-9]{16})",
  },
];

/** Source hosting, package registries, continuous integration. */
const DEVELOPMENT: readonly SecretPattern[] = [
  token(
    "writ-credential",
    ["writ_"],
    "writ_(?:agent|admin|pdp|device|scim)_[0-9a-hjkmnp-tv-z]{26}_[A-Za-z0-9_-]{43,49}",
  ),
  token("github-token", ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], `gh[pousr]_[A-Za-z0-9]{36,255}${END_ALNUM}`),
  token("github-fine-grained-token", ["github_pat_"], "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
  token(
    "gitlab-token",
    ["glpat-", "gldt-", "glrt-", "glft-", "glsoat-", "glcbt-"],
    "gl(?:pat|dt|rt|ft|soat|cbt)-[A-Za-z0-9_.-]{20,64}",
  ),
  token("gitlab-trigger-token", ["glptt-"], "glptt-[0-9a-f]{40}"),
  token("gitlab-runner-token", ["GR1348941"], "GR1348941[A-Za-z0-9_-]{20}"),
  token("bitbucket-token", ["ATBB"], `ATBB[A-Za-z0-9]{32}${END_ALNUM}`),
  token("atlassian-token", ["ATATT3xFf"], "ATATT3xFf[A-Za-z0-9_=-]{100,250}"),
  token("npm-token", ["npm_"], `npm_[A-Za-z0-9]{36}${END_ALNUM}`),
  token("pypi-token", ["pypi-AgEIcHlwaS5vcmc"], "pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,400}"),
  token("rubygems-key", ["rubygems_"], "rubygems_[0-9a-f]{48}"),
  token("crates-token", ["cio"], `cio[A-Za-z0-9]{32}${END_ALNUM}`),
  token("nuget-key", ["oy2"], `oy2[a-z0-9]{43}${END_ALNUM}`),
  token("dockerhub-token", ["dckr_pat_", "dckr_oat_"], "dckr_[po]at_[A-Za-z0-9_-]{27,32}"),
  token("artifactory-token", ["AKCp"], `AKCp[A-Za-z0-9]{69}${END_ALNUM}`),
  token("postman-key", ["PMAK-"], "PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
  token("huggingface-token", ["hf_"], `hf_[A-Za-z]{34}${END_ALNUM}`),
  token(
    "teamcity-token",
    ["eyJ0eXAiOiAiVENWMiJ9"],
    "eyJ0eXAiOiAiVENWMiJ9\\.[A-Za-z0-9_-]{20,60}\\.[A-Za-z0-9_-]{40,80}",
  ),
];

/** Chat, mail, payment, shops, maps. */
const SERVICES: readonly SecretPattern[] = [
  token(
    "slack-token",
    ["xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-", "xapp-"],
    "(?:xox[abprs]|xapp)-[A-Za-z0-9/-]{20,250}",
  ),
  {
    id: "slack-webhook",
    anchors: ["hooks.slack.com/"],
    left: "any",
    expression: "hooks\\.slack\\.com/(?:services|workflows)/([A-Za-z0-9_/+-]{20,120})",
  },
  {
    id: "teams-webhook",
    anchors: ["office.com/webhook"],
    left: "any",
    expression: "office\\.com/webhook(?:b2)?/([A-Za-z0-9@/-]{60,250})",
  },
  {
    id: "discord-webhook",
    anchors: ["/api/webhooks/"],
    left: "any",
    expression: "/api/webhooks/(\\d{15,22}/[A-Za-z0-9_-]{60,80})",
  },
  {
    id: "telegram-bot-token",
    anchors: [":AA"],
    left: "any",
    behind: { charClass: "[0-9]", least: 8, most: 10 },
    expression: `:AA[A-Za-z0-9_-]{32,34}${END}`,
  },
  token("twilio-key", TWILIO_ANCHORS, `SK[0-9a-f]{32}${END_ALNUM}`),
  token("sendgrid-key", ["SG."], "SG\\.[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{43}"),
  token("mailgun-key", ["key-"], `key-[0-9a-f]{32}${END_ALNUM}`),
  {
    id: "mailchimp-key",
    anchors: ["-us"],
    behind: { charClass: "[0-9a-f]", least: 32, most: 32 },
    expression: `-us\\d{1,2}${END_ALNUM}`,
  },
  token("stripe-key", ["sk_live_", "sk_test_", "rk_live_", "rk_test_"], "[sr]k_(?:live|test)_[A-Za-z0-9]{20,247}"),
  token("stripe-webhook-secret", ["whsec_"], "whsec_[A-Za-z0-9+/=]{24,64}"),
  token("square-token", ["sq0atp-", "sq0csp-"], "sq0(?:atp-[A-Za-z0-9_-]{22}|csp-[A-Za-z0-9_-]{43})"),
  token("shopify-token", ["shpss_", "shpat_", "shpca_", "shppa_"], `shp(?:ss|at|ca|pa)_[0-9a-fA-F]{32}${END_ALNUM}`),
  token("twitch-stream-key", ["live_"], `live_\\d{8,10}_[A-Za-z0-9]{28,34}${END_ALNUM}`),
  token(
    "mapbox-token",
    ["pk.eyJ1", "sk.eyJ1", "tk.eyJ1"],
    "[pst]k\\.eyJ1[A-Za-z0-9_\\\\-]{20,200}\\.[A-Za-z0-9_-]{20,30}",
  ),
  token("dropbox-token", ["sl."], "sl\\.[A-Za-z0-9_-]{120,200}"),
  token("facebook-token", ["EAAC"], `EAAC[A-Za-z0-9]{60,400}${END_ALNUM}`),
];

/** Model providers and tools for agents. */
const MODELS: readonly SecretPattern[] = [
  token("anthropic-key", ["sk-ant-"], "sk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{80,120}"),
  token(
    "openai-key",
    ["sk-"],
    `sk-(?:(?=[A-Za-z0-9]{20})(?:[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{48})|(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,220}|or-v1-[0-9a-f]{64})${END}`,
  ),
  token("groq-key", ["gsk_"], `gsk_[A-Za-z0-9]{52}${END_ALNUM}`),
  token("tavily-key", ["tvly-"], "tvly-[A-Za-z0-9_-]{32,60}"),
  token("firecrawl-key", ["fc-"], `fc-[0-9a-f]{32}${END_ALNUM}`),
  token("jina-key", ["jina_"], `jina_[A-Za-z0-9_-]{60}${END_ALNUM}`),
  token("replicate-token", ["r8_"], `r8_[A-Za-z0-9]{37}${END_ALNUM}`),
  token("xai-key", ["xai-"], `xai-[A-Za-z0-9]{80}${END_ALNUM}`),
  token("perplexity-key", ["pplx-"], `pplx-[A-Za-z0-9]{48}${END_ALNUM}`),
  {
    id: "kagi-token",
    anchors: ["kagi_api_key", "kagi.com/search?token="],
    ignoreCase: true,
    expression:
      "(?:kagi_api_key[\"']?[ \\t:=]{1,4}[\"']?|kagi\\.com/search\\?token=)([A-Za-z0-9_-]{8,16}\\.[A-Za-z0-9_-]{40,50})",
  },
];

/** Formats that vendors gave their credentials. */
export const VENDOR_PATTERNS: readonly SecretPattern[] = [...CLOUD, ...DEVELOPMENT, ...SERVICES, ...MODELS];
