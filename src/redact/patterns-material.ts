import type { SecretPattern } from "./pattern-set.ts";

/** Keys, password hashes and tokens with a format that a standard or a tool gave them. */
export const MATERIAL_PATTERNS: readonly SecretPattern[] = [
  {
    id: "private-key",
    anchors: ["-----BEGIN "],
    left: "any",
    expression:
      "-----BEGIN (?:(?:RSA|DSA|EC|OPENSSH|ENCRYPTED|PGP|SSH2 ENCRYPTED) )?PRIVATE KEY(?: BLOCK)?-----([A-Za-z0-9+/=\\s\\\\:,.()]{8,16000}(?:-[A-Za-z0-9+/=\\s\\\\:,.()]{1,16000}){0,8})",
  },
  {
    id: "private-key",
    anchors: ["-----BEGIN "],
    left: "any",
    expression:
      "-----BEGIN (?:(?:RSA|DSA|EC|OPENSSH|ENCRYPTED) )?PRIVATE KEY-----[\"'+ \\r\\n\\t,]{1,20}([A-Za-z0-9+/=]{16,200}(?:[\"'+ \\r\\n\\t,\\\\]{1,20}[A-Za-z0-9+/=]{1,200}){0,16}(?:[\"'+ \\r\\n\\t,\\\\]{1,20}[A-Za-z0-9+/=]{1,200}){0,16}(?:[\"'+ \\r\\n\\t,\\\\]{1,20}[A-Za-z0-9+/=]{1,200}){0,16})",
  },
  {
    id: "private-key-base64",
    anchors: ["LS0tLS1CRUdJTiB"],
    expression: "LS0tLS1CRUdJTiB[A-Za-z0-9+/]{60,16000}={0,2}",
  },
  {
    id: "jwt",
    anchors: ["eyJ"],
    expression:
      "eyJ[A-Za-z0-9_-]{12,2048}\\.(?:eyJ[A-Za-z0-9_-]{8,8000}(?:\\.[A-Za-z0-9_-]{0,2048})?|[A-Za-z0-9_-]{0,1024}\\.[A-Za-z0-9_-]{8,64}\\.[A-Za-z0-9_-]{8,8000}\\.[A-Za-z0-9_-]{16,64})",
  },
  {
    id: "crypt-hash",
    anchors: ["$1$", "$5$", "$6$", "$8$", "$2a$", "$2b$", "$2y$"],
    left: "any",
    expression:
      "\\$(?:1\\$[A-Za-z0-9./]{8}\\$[A-Za-z0-9./]{22}|2[aby]\\$\\d{2}\\$[A-Za-z0-9./]{53}|5\\$(?:rounds=\\d{1,9}\\$)?[A-Za-z0-9./]{1,16}\\$[A-Za-z0-9./]{43}|6\\$(?:rounds=\\d{1,9}\\$)?[A-Za-z0-9./]{1,16}\\$[A-Za-z0-9./]{86}|8\\$[A-Za-z0-9./]{14}\\$[A-Za-z0-9./]{43})",
  },
  {
    id: "argon2-hash",
    anchors: ["$argon2"],
    left: "any",
    expression: "\\$argon2(?:id|i|d)\\$v=\\d{1,3}\\$[a-z0-9=,]{5,60}\\$[A-Za-z0-9+/]{8,100}\\$[A-Za-z0-9+/]{16,200}",
  },
  {
    id: "kerberos-hash",
    anchors: ["$krb5asrep$", "$krb5tgs$"],
    left: "any",
    expression: "\\$krb5(?:asrep|tgs)\\$\\d{1,2}\\$[A-Za-z0-9@.:*$/_-]{32,256}[A-Fa-f0-9$]{0,8192}",
  },
  {
    id: "wireguard-key",
    anchors: ["privatekey", "presharedkey"],
    ignoreCase: true,
    expression: "(?:privatekey|presharedkey)[ \\t]{0,8}=[ \\t]{0,8}([A-Za-z0-9+/]{43}=)",
  },
  {
    id: "vault-unseal-key",
    anchors: ["unseal"],
    ignoreCase: true,
    expression: "unseal(?: key \\d{1,2}:)?[ \\t]{1,8}([A-Za-z0-9+/]{43}[A-Za-z0-9+/=])",
  },
];
