#!/usr/bin/env python3
"""A second verifier of evidence bundles, written from docs/formats.md alone.

    verify.py BUNDLE... [--key KEY]... [--expect-checkpoint FILE] [--approvers FILE]

Standard library only; Ed25519 and P-256 are in plain Python, slow and short. Exit: 0 verified, 1 not (the first thing that
fails is printed), 2 no bundle, or a command line that cannot be understood.
"""

import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from datetime import datetime

HASH = re.compile(r"[0-9a-f]{64}")
IDENTIFIER = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
TYPE = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
CID = re.compile(r"bafyrei[a-z2-7]{51}[aeimquy4]")
REFERENCE = re.compile(r"sha256:[0-9a-f]{64}")
EVENT_LINE = re.compile(rb'\{"event":(.+),"hash":"([0-9a-f]{64})","kind":"event"\}', re.DOTALL)
MAX_DEPTH = 128
ZEROS = "0" * 64


class Fails(Exception):
    """Something does not verify; the message says what."""


def need(condition, message):
    if not condition:
        raise Fails(message)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# --- canonical JSON (RFC 8785) ---------------------------------------------------------------------------------------


def pairs_to_dict(pairs):
    found = dict(pairs)
    need(len(found) == len(pairs), "an object has the same key twice")
    return found


def refuse_constant(name):
    raise Fails(f"{name} is no number")


def number_text(value):
    """The ECMAScript form of a number."""
    if isinstance(value, int):
        return str(value)
    if value == 0:
        return "0"
    # The shortest digits that give the same number back, as repr finds them: 0.digits times ten to the power of point.
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(power or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0") or "0"
    count = len(digits)
    sign = "-" if value < 0 else ""
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + power


def canonical(value, depth=0):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        need(float(value) != int(value) or abs(value) <= 2**53, "an integer is beyond 2^53")
        return number_text(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    need(depth < MAX_DEPTH, "it nests too deep")
    if isinstance(value, list):
        return "[" + ",".join(canonical(item, depth + 1) for item in value) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{canonical(value[key], depth + 1)}" for key in keys) + "}"


def parse_canonical(data):
    """The value of bytes that are the canonical text of it."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=pairs_to_dict, parse_constant=refuse_constant)
        again = canonical(value).encode("utf-8")
    except (ValueError, OverflowError, RecursionError) as error:
        raise Fails(f"not canonical JSON: {error}") from None
    need(again == data, "not canonical JSON: encoding it again gives other bytes")
    return value


def members(value, required, what, optional=()):
    need(isinstance(value, dict), f"{what} is no object")
    for name in required:
        need(name in value, f"{what} has no `{name}`")
    for name in value:
        need(name in required or name in optional, f"{what} has a member `{name}` that it must not have")
    return value


def is_text(pattern, value):
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_time(value):
    if not is_text(TIME, value):
        return False
    try:
        datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ")
        return True
    except ValueError:
        return False


def is_hashes(value):
    return isinstance(value, list) and len(value) <= 128 and all(is_text(HASH, item) for item in value)


def from_base64(text, what, alphabet="+/", pad=True):
    """Strict: encoding it again gives the same text."""
    need(isinstance(text, str), f"{what} is not text")
    try:
        padded = text if pad else text + "=" * (-len(text) % 4)
        data = base64.b64decode(padded, altchars=alphabet.encode(), validate=True)
    except ValueError:
        raise Fails(f"{what} is not base64") from None
    again = base64.b64encode(data, altchars=alphabet.encode()).decode()
    need((again if pad else again.rstrip("=")) == text, f"{what} is not canonical base64")
    return data


def from_base64url(text, what):
    return from_base64(text, what, "-_", pad=False)


# --- Ed25519 (RFC 8032) ----------------------------------------------------------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ORDER_8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927
SMALL_ORDER = {0, 1, P - 1, ORDER_8, P - ORDER_8}


def ed_add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    o, q = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, q - o, q + o, n + m
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def ed_multiply(scalar, point):
    total = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            total = ed_add(total, point)
        point = ed_add(point, point)
        scalar >>= 1
    return total


def ed_recover(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT % P
    if (x * x - square) % P != 0:
        return None
    return x if x & 1 == sign else P - x


def ed_decode(data):
    value = int.from_bytes(data, "little")
    y, sign = value & (2**255 - 1), value >> 255
    x = ed_recover(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


def ed_encode(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (ed_recover(BASE_Y, 0), BASE_Y, 1, ed_recover(BASE_Y, 0) * BASE_Y % P)


def is_ed25519_key(key):
    y = int.from_bytes(key, "little") & (2**255 - 1)
    return len(key) == 32 and y < P and y not in SMALL_ORDER


def verify_ed25519(key, message, signature):
    if len(signature) != 64 or not is_ed25519_key(key):
        return False
    s = int.from_bytes(signature[32:], "little")
    point = ed_decode(key)
    if s >= L or point is None:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    x, y, z, t = ed_multiply(h, point)
    return ed_encode(ed_add(ed_multiply(s, BASE), (-x % P, y, z, -t % P))) == signature[:32]


# --- P-256 (FIPS 186-5, SEC 1) ---------------------------------------------------------------------------------------

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def p256_add(a, b):
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2:
        if (y1 + y2) % Q == 0:
            return None
        slope = (3 * x1 * x1 - 3) * pow(2 * y1, Q - 2, Q) % Q
    else:
        slope = (y2 - y1) * pow(x2 - x1, Q - 2, Q) % Q
    x = (slope * slope - x1 - x2) % Q
    return (x, (slope * (x1 - x) - y1) % Q)


def p256_multiply(scalar, point):
    total = None
    while scalar > 0:
        if scalar & 1:
            total = p256_add(total, point)
        point = p256_add(point, point)
        scalar >>= 1
    return total


def der_integers(data):
    """r and s of an ECDSA-Sig-Value, in DER."""
    need(len(data) >= 8 and data[0] == 0x30 and data[1] == len(data) - 2 and data[1] < 128, "the signature is not DER")
    found, at = [], 2
    for _ in range(2):
        need(at + 2 <= len(data) and data[at] == 2, "the signature is not DER")
        length = data[at + 1]
        body = data[at + 2 : at + 2 + length]
        need(0 < length == len(body) and body[0] < 128, "the signature is not DER")
        need(length == 1 or body[0] != 0 or body[1] >= 128, "the signature is not DER")
        found.append(int.from_bytes(body, "big"))
        at += 2 + length
    need(at == len(data), "the signature is not DER")
    return found


def verify_p256(x, y, message, signature):
    r, s = der_integers(signature)
    on_curve = 0 <= x < Q and 0 <= y < Q and (y * y - x * x * x + 3 * x - B) % Q == 0
    if not on_curve or not 0 < r < N or not 0 < s < N:
        return False
    e = int.from_bytes(sha256(message), "big")
    w = pow(s, N - 2, N)
    point = p256_add(p256_multiply(e * w % N, G), p256_multiply(r * w % N, (x, y)))
    return point is not None and point[0] % N == r


# --- tree (RFC 9162, section 2.1) ------------------------------------------------------------------------------------


def node(left, right):
    return sha256(b"\x01", left, right)


class Tree:
    """A compact range: the roots of complete subtrees, the largest first."""

    def __init__(self, size, subtrees):
        need(len(subtrees) == bin(size).count("1"), "the frontier does not fit the events before it")
        self.size, self.subtrees = size, list(subtrees)

    def append(self, leaf):
        rest, leaf_hash = self.size, leaf
        while rest & 1:
            leaf_hash = node(self.subtrees.pop(), leaf_hash)
            rest >>= 1
        self.subtrees.append(leaf_hash)
        self.size += 1

    def root(self):
        if not self.subtrees:
            return sha256()
        found = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            found = node(left, found)
        return found


def verify_inclusion(leaf, index, size, path, root):
    if index >= size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old, old_root, new, new_root, path):
    if not 1 <= old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node(sibling, first), node(sibling, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


# --- checkpoints (C2SP signed-note, tlog-checkpoint) -----------------------------------------------------------------


class Checkpoint:
    def __init__(self, note):
        text, blank, lines = note.rpartition("\n\n")
        need(blank and lines.endswith("\n"), "the note has no text and signatures")
        self.text = text + "\n"
        parts = self.text.split("\n")
        need(len(parts) == 6 and not re.search(r"[\x00-\x09\x0b-\x1f]", note), "a checkpoint has five lines")
        self.origin, size, root, head, at = parts[:5]
        need(re.fullmatch(r"[1-9][0-9]{0,15}", size), "the checkpoint's size is no positive integer")
        self.size, self.root = int(size), from_base64(root, "the checkpoint's root")
        need(len(self.root) == 32, "the checkpoint's root has 32 bytes")
        need(head.startswith("head ") and is_text(HASH, head[5:]), "the checkpoint's head is malformed")
        need(at.startswith("at ") and is_time(at[3:]), "the checkpoint's time is malformed")
        self.head, self.at = head[5:], at[3:]
        self.signatures = []
        for line in lines[:-1].split("\n"):
            match = re.fullmatch(r"\u2014 ([^\s+]{1,256}) (\S+)", line)
            need(match, "a signature line is malformed")
            data = from_base64(match[2], "a signature")
            need(len(data) > 4, "a signature is too short")
            self.signatures.append((match[1], data[:4], data[4:]))

    def signer(self, keys):
        """The first of the keys that signed; one that is named and wrong spoils it."""
        found = None
        for key in keys:
            key_hash = sha256(self.origin.encode(), b"\n\x01", key["bytes"])[:4]
            for name, hashed, signature in self.signatures:
                if name != self.origin or hashed != key_hash:
                    continue
                need(verify_ed25519(key["bytes"], self.text.encode(), signature), "the checkpoint's signature is not valid")
                found = found or key
        need(found, "no known key signed the checkpoint")
        return found


# --- keys ------------------------------------------------------------------------------------------------------------


def key_line_of(keys, pins):
    """The keys in their line, each with its place and whether it vouches."""
    by_id, after = {}, {}
    for key in keys:
        key["bytes"] = from_base64(key["public_key"], "a public key")
        need(is_ed25519_key(key["bytes"]), f"the key {key['id']} is no Ed25519 key")
        need(sha256(key["bytes"]).hex()[:16] == key["id"], f"the key {key['id']} does not have this id")
        need(key["purpose"] == "seal" and is_time(key["at"]), f"the key {key['id']} is malformed")
        need(key["id"] not in by_id, f"the key {key['id']} is announced twice")
        by_id[key["id"]] = key
    for key in keys:
        announcer = by_id.get(key.get("previous", key["id"]))
        need(announcer, f"the key that announces {key['id']} is not here")
        stated = {name: key[name] for name in ("at", "id", "previous", "public_key", "purpose") if name in key}
        message = b"writ.key.v1\n" + canonical(stated).encode()
        signature = from_base64(key["signature"], "a key's signature")
        need(verify_ed25519(announcer["bytes"], message, signature), f"the announcement of {key['id']} is not valid")
        need(key.get("previous") not in after, f"the place of {key['id']} is taken")
        after[key.get("previous")] = key
    line, key, at = [], after.get(None), ""
    while key is not None:
        need(key["at"] >= at, f"the key {key['id']} is older than the one before")
        at = key["at"]
        line.append(key)
        key = after.get(key["id"])
    need(len(line) == len(keys), "the keys do not form one line")
    forms = [{key["id"], key["public_key"], key["bytes"].hex()} for key in line]
    pinned = [place for place, names in enumerate(forms) if names & set(pins)]
    need(pinned or not pins, "none of the keys is a pinned one")
    first = pinned[0] if pinned else 0
    for place, key in enumerate(line):
        key["place"], key["vouches"] = place, place >= first
    return {key["id"]: key for key in line}


# --- passkeys (WebAuthn level 3, section 7.2) ------------------------------------------------------------------------


def read_cbor(data, at=0):
    """Enough CBOR for a COSE key: integers, byte strings, maps."""
    first, at = data[at], at + 1
    major, value = first >> 5, first & 31
    if value in (24, 25, 26):
        size = 1 << (value - 24)
        value, at = int.from_bytes(data[at : at + size], "big"), at + size
    need(value < 2**32 and first & 31 < 27, "the COSE key is malformed")
    if major == 0:
        return value, at
    if major == 1:
        return -1 - value, at
    if major == 2:
        return data[at : at + value], at + value
    need(major == 5, "the COSE key is malformed")
    found = {}
    for _ in range(value):
        key, at = read_cbor(data, at)
        found[key], at = read_cbor(data, at)
    return found, at


def verify_cose(key, message, signature):
    found, _ = read_cbor(key)
    algorithm = found.get(3)
    if algorithm == -7:
        return verify_p256(int.from_bytes(found[-2], "big"), int.from_bytes(found[-3], "big"), message, signature)
    if algorithm == -8:
        return verify_ed25519(found[-2], message, signature)
    need(algorithm == -257, f"the algorithm {algorithm} is not one of passkeys")
    modulus, exponent = int.from_bytes(found[-1], "big"), int.from_bytes(found[-2], "big")
    size = (modulus.bit_length() + 7) // 8
    info = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(message)
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    opened = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    return len(signature) == size and opened == padded


APPROVAL = (b"writ.approval.v1\n", "approver", ("approval", "call_digest", "policy_version"))
YES = (APPROVAL[0], APPROVAL[1], (*APPROVAL[2], "grant", "expires_at"))
# What a passkey signs: the domain of its challenge, who signs, and what preimage and event agree on.
SIGNED = {
    "approval.approved": YES,
    "approval.vouched": YES,
    "approval.denied": APPROVAL,
    "emergency.opened": (b"writ.emergency.v1\n", "owner", ("emergency", "agent", "command", "expires_at")),
    "emergency.reviewed": (b"writ.review.v1\n", "reviewer", ("emergency",)),
}
VERDICTS = {"approval.approved": "approved", "approval.vouched": "approved", "approval.denied": "denied"}
EVIDENCE = ("authenticator_data", "client_data", "credential_id", "signature")
ENROLMENT = ("algorithm", "credential_id", "enrolled_at", "kind", "origin", "passkey", "person", "public_key", "rp_id",
             "subject", "tenant", "v")


def signed_assertion(event):
    """The assertion that an event of a person's decision holds."""
    data = event["data"]
    if event["type"] not in SIGNED or data.get("method") != "passkey":
        return None
    return data["assertion"] if isinstance(data.get("assertion"), dict) else None


def check_enrolment(line):
    members(line, ENROLMENT, "the enrolment", ("name", "removed_at"))
    need(line["kind"] == "enrolment" and line["v"] == 1, "this version of an enrolment is not known")
    need(all(is_text(IDENTIFIER, line[name]) for name in ("tenant", "passkey", "person", "subject")), "the enrolment is malformed")
    need(line["algorithm"] in (-7, -8, -257), "the enrolment is of no algorithm of passkeys")
    need(is_time(line["enrolled_at"]) and is_time(line.get("removed_at", line["enrolled_at"])), "the enrolment is malformed")
    need(isinstance(line["rp_id"], str) and isinstance(line["origin"], str), "the enrolment is malformed")
    from_base64url(line["credential_id"], "the credential"), from_base64url(line["public_key"], "the passkey")
    return line


def check_signed(event, evidence, enrolled, answered):
    """The assertion that an event of a person's decision holds, against the passkey that was enrolled."""
    domain, signer, same = SIGNED[event["type"]]
    data, preimage = event["data"], event["data"].get("preimage")
    need(isinstance(preimage, dict), f"event {event['seq']} holds no preimage")
    need(preimage.get(signer) == event["actor"], f"event {event['seq']}: somebody else signed it")
    if event["type"] in VERDICTS:
        need(preimage.get("verdict") == VERDICTS[event["type"]], f"event {event['seq']}: the other verdict was signed")
    if event["type"] == "approval.denied":
        need("grant" in preimage and preimage["grant"] is None, f"event {event['seq']}: a denial was signed with a grant")
    for name in same:
        agree = name in preimage and name in data and canonical(preimage[name]) == canonical(data[name])
        need(agree, f"event {event['seq']}: `{name}` was signed with another value")
    need(enrolled["tenant"] == event["tenant"], f"event {event['seq']}: the passkey is of another tenant")
    need(enrolled["subject"] == event["actor"], f"event {event['seq']}: the passkey is of another person")
    need(enrolled["enrolled_at"] <= event["at"], f"event {event['seq']}: the passkey was enrolled later")
    need(enrolled.get("removed_at", event["at"]) >= event["at"], f"event {event['seq']}: the passkey had been removed")
    client_data = from_base64url(evidence["client_data"], "the client data")
    authenticator = from_base64url(evidence["authenticator_data"], "the authenticator data")
    challenge = sha256(domain, canonical(preimage).encode())
    need(challenge not in answered, f"event {event['seq']}: the same challenge was answered before")
    answered.add(challenge)
    stated = json.loads(client_data)
    need(stated.get("type") == "webauthn.get", f"event {event['seq']}: the assertion is no answer to a challenge")
    need(from_base64url(stated.get("challenge"), "the challenge") == challenge, f"event {event['seq']}: another challenge was signed")
    need(stated.get("crossOrigin") is not True, f"event {event['seq']}: it was signed inside another site's page")
    need(stated.get("origin") == enrolled["origin"], f"event {event['seq']}: the assertion is for another origin")
    need(authenticator[:32] == sha256(enrolled["rp_id"].encode()), f"event {event['seq']}: the assertion is for another site")
    need(len(authenticator) >= 37 and authenticator[32] & 5 == 5, f"event {event['seq']}: the user was not verified")
    key = from_base64url(enrolled["public_key"], "the passkey")
    signature = from_base64url(evidence["signature"], "the assertion's signature")
    signed = authenticator + sha256(client_data)
    need(verify_cose(key, signed, signature), f"event {event['seq']}: the passkey did not sign this")


# --- the bundle ------------------------------------------------------------------------------------------------------


class Verifier:
    def __init__(self, pins, expected, enrolments):
        self.pins, self.expected, self.enrolments = pins, expected, enrolments
        self.header = self.keys = None
        self.announced, self.blobs, self.references, self.claims = [], set(), {}, {}
        self.at, self.leaf, self.bridge, self.reached = "", None, None, None
        self.seal_place = self.checkpoint_place = self.sealed_last = 0
        self.newest = None
        self.brought, self.answered, self.signed, self.checked = {}, (set(), set()), 0, 0
        self.enrolled, self.gone, self.unclaimed = {}, set(), None

    def line(self, number, data):
        match = EVENT_LINE.fullmatch(data)
        if match and self.header is not None:
            return self.event(match[1], match[2].decode())
        value = parse_canonical(data)
        kind = value.get("kind") if isinstance(value, dict) else None
        need((kind == "header") == (number == 1), "a header stands on the first line and nowhere else")
        take = {name: getattr(self, name) for name in
                ("seal", "checkpoint", "inclusion", "consistency", "blob", "enrolment", "assertion")}
        take.update(header=self.begin, key=self.key)
        need(kind in take, f"a line of the kind {kind!r} is not known")
        return take[kind](value)

    def begin(self, value):
        names = ("first", "frontier", "instance", "kind", "last", "made_at", "prev", "root", "tenant", "v")
        members(value, names, "the header")
        need(value["v"] == 1, "this version of the format is not known")
        need(is_count(value["first"]) and isinstance(value["last"], int), "`first` or `last` is malformed")
        need(value["last"] >= value["first"] - 1, "`last` is before `first`")
        need(is_text(IDENTIFIER, value["tenant"]) and isinstance(value["instance"], str), "the header is malformed")
        need(is_text(HASH, value["prev"]) and is_text(HASH, value["root"]), "the header is malformed")
        need(is_hashes(value["frontier"]) and is_time(value["made_at"]), "the header is malformed")
        need(value["first"] > 1 or value["prev"] == ZEROS, "the hash before the first event is not one that can stand there")
        self.header, self.head = value, value["prev"]
        self.last = self.sealed = self.covered = value["first"] - 1
        self.tree = Tree(self.last, [bytes.fromhex(item) for item in value["frontier"]])

    def key(self, value):
        names = ("at", "id", "kind", "public_key", "purpose", "signature")
        members(value, names, "the key", ("previous",))
        need(all(isinstance(item, str) for item in value.values()), "the key is malformed")
        need(self.keys is None, "a key stands behind an event or seal")
        self.announced.append(value)

    def known(self):
        if self.keys is None:
            self.keys = key_line_of(self.announced, self.pins)
        return self.keys

    def event(self, data, stated_hash):
        self.known()
        hashed = sha256(b"writ.audit.v1\n", data).hex()
        need(hashed == stated_hash, f"event {self.last + 1}: its bytes do not have the hash recorded with them")
        event = members(parse_canonical(data), ("actor", "at", "data", "id", "prev", "seq", "tenant", "type", "v"), "the event")
        seq = event["seq"]
        need(event["v"] == 1 and is_count(seq), "the event is malformed")
        need(all(is_text(IDENTIFIER, event[name]) for name in ("tenant", "id", "actor")), f"event {seq} is malformed")
        need(is_time(event["at"]) and is_text(TYPE, event["type"]) and is_text(HASH, event["prev"]), f"event {seq} is malformed")
        need(isinstance(event["data"], dict), f"event {seq} is malformed")
        need(event["tenant"] == self.header["tenant"], f"event {seq} is of another tenant")
        need(seq == self.last + 1, f"event {seq} stands where event {self.last + 1} should")
        need(event["prev"] == self.head, f"event {seq} does not name the hash of the event before it")
        need(event["at"] >= self.at, f"event {seq} is older than the one before it")
        self.leaf = sha256(b"\x00", data)
        self.tree.append(self.leaf)
        self.last, self.head, self.at = seq, hashed, event["at"]
        for member in event["data"].values():
            if isinstance(member, dict) and set(member) == {"ref"} and is_text(REFERENCE, member["ref"]):
                self.references.setdefault(member["ref"][7:], seq)
        writ = event["data"].get("writ") if event["type"].startswith("decision.") else None
        need(not isinstance(writ, dict) or is_text(CID, writ.get("cid")), f"event {seq} names a writ by what is no CID of one")
        for kept in self.expected:
            if kept.size == seq:
                same = kept.root == self.tree.root() and kept.head == hashed
                need(same, f"the events 1 to {seq} are not those of the expected checkpoint")
        self.person(event)

    def person(self, event):
        """What people signed: with the approvers that were given, else with those that the bundle brings."""
        data, self.unclaimed = event["data"], None
        if event["type"] == "passkey.enrolled":
            self.enrolled[data.get("credential_id")] = data
            for lines in (self.enrolments or {}, self.brought):
                self.agrees(event, lines.get(data.get("credential_id")))
        if event["type"] == "passkey.removed":
            self.gone.add(data.get("credential_id"))
        if event["type"] == "person.revoked":
            self.gone.add(data.get("subject"))
        evidence = signed_assertion(event)
        if evidence is None:
            late = self.enrolments is not None and event["type"] in SIGNED
            late = late and (data.get("method") == "passkey" or self.enrolled or any(line["enrolled_at"] < event["at"] for line in self.enrolments.values()))
            return need(not late, f"event {event['seq']}: nobody's passkey signed it")
        self.signed, self.unclaimed = self.signed + 1, (event["seq"], evidence)
        for lines, strict in ((self.enrolments, True), (self.brought, False)):
            line = None if lines is None else lines.get(evidence.get("credential_id"))
            if line is None:
                need(not strict or lines is None, f"event {event['seq']}: the passkey is not among the approvers")
                continue
            gone = evidence["credential_id"] in self.gone or line["subject"] in self.gone
            need(not gone, f"event {event['seq']}: the passkey had been removed")
            if evidence["credential_id"] in self.enrolled:
                self.agrees({"seq": event["seq"], "data": self.enrolled[evidence["credential_id"]]}, line)
            check_signed(event, evidence, line, self.answered[strict])
            self.checked += not strict

    def agrees(self, event, line):
        names = ("subject", "algorithm", "rp_id", "origin", "public_key")
        same = line is None or all(event["data"].get(name) == line[name] for name in names)
        need(same, f"event {event['seq']}: the enrolment is not the one that the chain has")

    def enrolment(self, value):
        check_enrolment(value)
        need(value["tenant"] == self.header["tenant"], "an enrolment is of another tenant")
        need(value["credential_id"] not in self.brought, "an enrolment stands twice")
        self.brought[value["credential_id"]] = value

    def assertion(self, value):
        members(value, (*EVIDENCE, "kind", "seq"), "the assertion")
        need(is_count(value["seq"]) and all(isinstance(value[name], str) for name in EVIDENCE), "the assertion is malformed")
        seq, evidence = self.unclaimed or (None, None)
        self.unclaimed = None
        need(seq == value["seq"], f"an assertion of event {value['seq']} stands where it cannot")
        need(evidence == {name: value[name] for name in EVIDENCE}, f"event {seq} holds another assertion")
        need(value["credential_id"] in self.brought, "the enrolment that an assertion needs does not stand before it")

    def seal(self, value):
        members(value, ("heads", "key", "kind", "signature"), "the seal")
        need(isinstance(value["heads"], list) and value["heads"], "the seal has no heads")
        for head in value["heads"]:
            members(head, ("hash", "root", "seq", "tenant"), "a head of the seal")
        own = [head for head in value["heads"] if head["tenant"] == self.header["tenant"]]
        need(len(own) == 1, "a seal does not have one head of this tenant")
        seq = own[0]["seq"]
        need(is_count(seq) and seq > self.sealed_last, f"the seal of event {seq} stands where it cannot")
        self.sealed_last = seq
        key = self.known().get(value["key"])
        need(key, f"the seal of event {seq} is by an unknown key")
        message = b"writ.seal.v1\n" + canonical(value["heads"]).encode()
        need(verify_ed25519(key["bytes"], message, from_base64(value["signature"], "a seal's signature")),
             f"the signature of the seal of event {seq} is not valid")
        need(seq == self.last and own[0]["hash"] == self.head and own[0]["root"] == self.tree.root().hex(),
             f"the seal of event {seq} is over other events")
        need(key["place"] >= self.seal_place, f"the seal of event {seq} is by a key that had been replaced")
        self.seal_place = key["place"]
        if key["vouches"]:
            self.sealed = seq

    def checkpoint(self, value):
        members(value, ("kind", "note", "size"), "the checkpoint")
        need(isinstance(value["note"], str) and is_count(value["size"]), "the checkpoint is malformed")
        found, bridge = Checkpoint(value["note"]), self.bridge
        self.bridge = None
        need(found.size == value["size"], "what stands beside the checkpoint is not what it says")
        origin = f"{self.header['instance']}/{self.header['tenant']}"
        need(found.origin == origin, f"a checkpoint of {found.origin} stands in the chain of {origin}")
        newest = self.newest
        in_order = newest is None or (newest.size < found.size and newest.at <= found.at)
        need(found.size >= self.last and in_order, f"the checkpoint of {found.size} events stands where it cannot")
        key = found.signer(self.known().values())
        if found.size == self.last:
            need(found.root == self.tree.root() and found.head == self.head,
                 f"the checkpoint of {found.size} events is over other events")
        else:
            need(bridge, f"there is a checkpoint of {found.size} events, and {self.last} are here")
            size, root = self.reached if self.reached and self.reached[0] > self.last else (self.last, self.tree.root())
            path = [bytes.fromhex(item) for item in bridge["path"]]
            fits = bridge["from"] == size and bridge["to"] == found.size
            need(fits and verify_consistency(size, root, found.size, found.root, path), "the consistency proof does not hold")
        claimed = self.claims.pop(found.size, found.root)
        need(claimed == found.root, "an inclusion proof leads to another tree")
        need(key["place"] >= self.checkpoint_place, "a checkpoint is by a key that had been replaced")
        self.checkpoint_place, self.newest, self.reached = key["place"], found, (found.size, found.root)
        if key["vouches"]:
            self.covered = min(found.size, self.last)

    def inclusion(self, value):
        members(value, ("kind", "path", "root", "seq", "size"), "the inclusion proof")
        good = is_count(value["seq"]) and is_count(value["size"]) and is_text(HASH, value["root"]) and is_hashes(value["path"])
        need(good, "the inclusion proof is malformed")
        root, path = bytes.fromhex(value["root"]), [bytes.fromhex(item) for item in value["path"]]
        holds = value["seq"] == self.last and self.leaf is not None
        holds = holds and verify_inclusion(self.leaf, value["seq"] - 1, value["size"], path, root)
        need(holds and self.claims.setdefault(value["size"], root) == root, f"the inclusion proof of event {value['seq']} does not hold")

    def consistency(self, value):
        members(value, ("from", "kind", "path", "to"), "the consistency proof")
        need(is_count(value["from"]) and is_count(value["to"]) and is_hashes(value["path"]), "the consistency proof is malformed")
        self.bridge = value

    def blob(self, value):
        members(value, ("bytes", "kind", "sha256"), "the blob")
        data = from_base64(value["bytes"], "a blob")
        need(sha256(data).hex() == value["sha256"], f"the blob {value['sha256']} is not what its sum says")
        need(value["sha256"] not in self.blobs, f"the blob {value['sha256']} stands twice")
        self.blobs.add(value["sha256"])

    def finish(self):
        need(self.header is not None, "the bundle has no header")
        self.known()
        need(self.last == self.header["last"], f"the chain ends with event {self.last}, and should with {self.header['last']}")
        need(self.tree.root().hex() == self.header["root"], "the tree does not have the root that the header states")
        need(max(self.sealed, self.covered) >= self.last, f"no seal and no checkpoint that counts covers event {self.last}")
        need(not self.claims, "an inclusion proof leads to a tree that no checkpoint here has")
        for reference, seq in self.references.items():
            need(reference in self.blobs, f"the blob {reference} that event {seq} refers to is not here")
        origin = f"{self.header['instance']}/{self.header['tenant']}"
        for kept in self.expected:
            need(kept.origin == origin, f"the expected checkpoint is of {kept.origin}")
            kept.signer(self.known().values())
            need(kept.size >= self.header["first"], "the expected checkpoint lies before the first event here")
            met = kept.size <= self.last or (self.newest and (self.newest.size, self.newest.root) == (kept.size, kept.root))
            need(met, f"a checkpoint of {kept.size} events is known, and {self.last} are here: the end was cut off")


def looks_like_line(data):
    return data.startswith(b"{") and b'"kind":"' in data


def verify_bundle(file, pins=(), expected=(), enrolments=None):
    """Verifies a bundle, line by line; throws Fails, or ValueError for what is no bundle. Gives the verifier."""
    verifier = Verifier(pins, expected, enrolments)
    opening = file.readline(), file.readline()
    opening[0].decode("utf-8")
    if not opening[0].endswith(b"\n") or not any(looks_like_line(line) for line in opening):
        raise ValueError("this is no evidence bundle")
    file.seek(0)
    for number, line in enumerate(file, 1):
        need(line.endswith(b"\n"), f"line {number} is not ended: the end is cut off")
        try:
            verifier.line(number, line[:-1])
        except (Fails, KeyError, TypeError, AttributeError, IndexError, struct.error) as error:
            raise Fails(f"line {number}: {error}") from None
    verifier.finish()
    return verifier


def read_enrolments(path):
    with open(path, "rb") as file:
        lines = [parse_canonical(line[:-1]) for line in file]
    return {check_enrolment(line)["credential_id"]: line for line in lines}


def main():
    parser = argparse.ArgumentParser(description="Verifies an evidence bundle of Writ.")
    parser.add_argument("bundles", nargs="+", metavar="BUNDLE")
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--expect-checkpoint", action="append", default=[])
    parser.add_argument("--approvers")
    options = parser.parse_args()
    pins = [key.lower() if len(key) == 64 else key for key in options.key]
    try:
        expected = []
        for path in options.expect_checkpoint:
            with open(path, encoding="utf-8", newline="") as file:
                expected.append(Checkpoint(file.read()))
        enrolments = None if options.approvers is None else read_enrolments(options.approvers)
    except (Fails, OSError, ValueError) as problem:
        print(f"verify.py: {problem}", file=sys.stderr)
        return 2
    return max(verify_file(path, pins, expected, enrolments) for path in options.bundles)


def verify_file(path, pins, expected, enrolments):
    """Prints what was found in one file, and gives the exit code."""
    try:
        with open(path, "rb") as file:
            found = verify_bundle(file, pins, expected, enrolments)
    except Fails as problem:
        print(f"NOT VERIFIED  {path}: {problem}")
        return 1
    except (OSError, ValueError) as problem:
        print(f"unreadable  {path}: {problem}")
        return 2
    pinned = "" if pins else "; no key was pinned: the evidence agrees with itself"
    events = f"events {found.header['first']} to {found.last}, covered by a checkpoint to {found.covered}"
    people = f", {found.checked} of {found.signed} signed decisions checked with passkeys of the bundle" if found.signed else ""
    print(f"verified  {path}: {found.header['tenant']}, {events}{people}{pinned}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
