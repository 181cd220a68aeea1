/** Runs commands of the system (ip, iptables, mount), without holding up the clients of the test meanwhile. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** No command takes this long on a machine that works. */
const TIMEOUT_MS = 20_000;

/** What the command wrote to its output. @throws with what it wrote to its errors. */
export async function command(words: readonly string[]): Promise<string> {
  const [program = '', ...args] = words;
  const { stdout } = await run(program, args, { timeout: TIMEOUT_MS });
  return stdout;
}

/** As `command`, where failing is an answer too: null. */
export async function attempt(words: readonly string[]): Promise<string | null> {
  try {
    return await command(words);
  } catch {
    return null;
  }
}
