// Signs a transfer with Node.js alone, without any package: docs/protocol.md says why each step is as it is.
//
//   echo '{"seed": "<32 bytes in hex>", "chain_id": "<32 bytes in hex>", "to": "p2p1...", "amount": "1000",
//          "nonce": 0, "valid_until": 120, "fee": "171", "memo": ""}' | node sign_transfer.mjs
//
// Prints the bytes of each step in hex.  `raw` is what POST /v1/transactions takes; `id` is what to ask for afterwards.

import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";

const DOMAIN = Buffer.from("p2pchain/transaction/1\0");
const LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

// --- MessagePack: of every form the shortest, which is the only one that a node accepts

function packed(value) {
  if (Buffer.isBuffer(value)) return packedBytes(value);
  if (Array.isArray(value)) {
    if (value.length > 15) throw new RangeError("longer arrays are not needed here");
    return Buffer.concat([Buffer.from([0x90 + value.length]), ...value.map(packed)]);
  }
  return packedInteger(BigInt(value));
}

function packedBytes(bytes) {
  if (bytes.length < 0x100) return Buffer.concat([Buffer.from([0xc4, bytes.length]), bytes]);
  if (bytes.length < 0x10000) return Buffer.concat([Buffer.from([0xc5, bytes.length >> 8, bytes.length & 0xff]), bytes]);
  throw new RangeError("no byte string of a transaction is that long");
}

function packedInteger(value) {
  if (value < 0n || value >= 2n ** 63n) throw new RangeError(`${value} is not from 0 to 2^63 - 1`);
  if (value < 0x80n) return Buffer.from([Number(value)]);
  const [lead, digits] = value < 0x100n ? ["cc", 2] : value < 0x10000n ? ["cd", 4] : value < 0x100000000n ? ["ce", 8] : ["cf", 16];
  return Buffer.from(lead + value.toString(16).padStart(digits, "0"), "hex");
}

// --- Bech32m (BIP 350); look at the prefix yourself

function accountOf(address) {
  const text = address.toLowerCase();
  const separator = text.lastIndexOf("1");
  const prefix = [...text.slice(0, separator)].map((letter) => letter.charCodeAt(0));
  const values = [...text.slice(separator + 1)].map((letter) => LETTERS.indexOf(letter));
  let checksum = 1;
  for (const value of [...prefix.map((c) => c >> 5), 0, ...prefix.map((c) => c & 31), ...values]) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((generator, bit) => (checksum ^= (top >> bit) & 1 ? generator : 0));
  }
  const number = values.slice(0, -6).reduce((sum, value) => sum * 32n + BigInt(value), 0n);
  // 32 bytes are 51 letters and one bit: 52 letters end in four bits of nothing
  if (checksum !== 0x2bc830a3 || values.includes(-1) || values.length !== 52 + 6 || number & 15n) {
    throw new RangeError(`${address} is not an address`);
  }
  return Buffer.from((number >> 4n).toString(16).padStart(64, "0"), "hex");
}

// --- Ed25519: node:crypto takes and gives keys in DER; the key itself is the last 32 bytes

function signTransfer(order) {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(order.seed, "hex")]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const sender = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  const chainId = Buffer.from(order.chain_id, "hex");
  const action = [1, accountOf(order.to), order.amount, Buffer.from(order.memo, "hex")];
  const body = packed([1, chainId.subarray(0, 8), sender, order.nonce, order.valid_until, order.fee, [action]]);
  const message = Buffer.concat([DOMAIN, chainId, body]);
  const signature = sign(null, message, key);
  const raw = packed([body, signature]);
  const id = createHash("sha256").update(DOMAIN).update(body).digest();
  return Object.fromEntries(Object.entries({ body, message, signature, raw, id }).map(([name, bytes]) => [name, bytes.toString("hex")]));
}

console.log(JSON.stringify(signTransfer(JSON.parse(readFileSync(0, "utf8"))), null, 1));
