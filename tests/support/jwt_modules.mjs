// Runs the token debugger's modules in Node: a line with a list of calls as JSON comes in, a line with the answers goes out.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const folder = pathToFileURL(`${process.argv[2]}/`);
const module = (name) => import(new URL(name, folder));
const { lintToken } = await module("lints.js");
const { lintKey } = await module("key_lints.js");
const { dissect, headersOf } = await module("dissection.js");
const { verify } = await module("verification.js");
const { decrypt } = await module("decryption.js");
const { readJson } = await module("json.js");
const encoding = await module("encoding.js");
const generation = await module("generation.js");
const keys = await module("keys.js");

const CALLS = {
  lint: async ({ token, now, tables }) => (await lintToken(token, now, tables)).map((one) => one.code),
  lintKey: ({ key, tables }) => lintKey(key, tables).map((one) => one.code),
  dissect({ token }) {
    const read = dissect(token);
    const headers = headersOf(read);
    return {
      form: read.form,
      octets: read.octets,
      prefix: read.hadPrefix,
      faults: read.faults.length,
      headers: headers.map((header) => Object.keys(header.members).sort()),
      duplicates: headers.map((header) => header.duplicates),
      claims: read.claims && Object.keys(read.claims.members).sort(),
    };
  },
  async decrypt({ token, key }) {
    const opened = await decrypt(token.split("."), key);
    return { header: opened.header, plaintext: [...opened.plaintext] };
  },
  verify: ({ token, key, expected, now }) => verify(token, key, expected, now),
  json: ({ text }) => readJson(text),
  strict: ({ text }) => {
    const octets = encoding.decodeBase64url(text);
    return octets && [...octets];
  },
  thumbprint: ({ key }) => keys.thumbprint(key),
  async sign({ claims, algorithm, typ }) {
    const key = await generation.makeKey(algorithm);
    return { ...(await generation.sign(claims, key, algorithm, typ)), key };
  },
  async signWith({ claims, algorithm, typ, key }) {
    return generation.sign(claims, await generation.readSigningKey(key, algorithm, "text"), algorithm, typ);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const answers = [];
  for (const { call, given } of JSON.parse(line)) {
    try {
      answers.push({ result: await CALLS[call](given) });
    } catch (error) {
      answers.push({ problem: error.name, said: String(error.stack) });
    }
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
