// Lets pytest drive a client of this folder: one JSON line per call on stdin, one JSON line per answer on stdout.
import { createInterface } from 'node:readline';

function reason(error) {
  const cause = error.cause ?? {};
  return {
    name: error.name,
    message: error.message,
    code: error.code ?? null,
    error: error.error ?? cause.error ?? null,
    error_description: error.error_description ?? cause.error_description ?? null,
    status: error.status ?? null,
    cause: cause.message ?? null,
  };
}

// Answers calls by the functions of `table` until stdin ends.
export async function answer(table) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { call, given } = JSON.parse(line);
    let result;
    try {
      result = { result: (await table[call](given)) ?? null };
    } catch (error) {
      result = { failure: reason(error) };
    }
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
