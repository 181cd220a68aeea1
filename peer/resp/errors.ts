/** Errors that many commands answer, in the words of Redis 7. */
import { failure, type Reply } from './replies.js';

/** As much of a client's words as an error repeats. */
const QUOTED_CHARS = 128;

export const SYNTAX_ERROR: Reply = failure('ERR syntax error');
export const NOT_AN_INTEGER: Reply = failure('ERR value is not an integer or out of range');
export const NOT_A_FLOAT: Reply = failure('ERR value is not a valid float');
export const OVERFLOW: Reply = failure('ERR increment or decrement would overflow');
export const TOO_LONG: Reply = failure('ERR string exceeds maximum allowed size (proto-max-bulk-len)');

/** A time to live that is none. */
export function invalidExpiry(command: string): Reply {
  return failure(`ERR invalid expire time in '${command}' command`);
}

/** Too few or too many arguments. */
export function wrongArity(command: string): Reply {
  return failure(`ERR wrong number of arguments for '${command}' command`);
}

/** A subcommand that there is not. */
export function unknownSubcommand(given: Buffer, command: string): Reply {
  const name = given.toString('latin1').slice(0, QUOTED_CHARS);
  return failure(`ERR unknown subcommand '${name}'. Try ${command.toUpperCase()} HELP.`);
}

/** A command that there is not, with the beginning of what came with it. */
export function unknownCommand(args: readonly Buffer[]): Reply {
  const quoted = (bytes: Buffer, most: number) => bytes.toString('latin1', 0, most);
  let shown = '';
  for (const arg of args.slice(1)) {
    if (shown.length >= QUOTED_CHARS) break;
    shown += `'${quoted(arg, QUOTED_CHARS - shown.length)}' `;
  }
  const name = quoted(args[0] as Buffer, QUOTED_CHARS);
  return failure(`ERR unknown command '${name}', with args beginning with: ${shown}`);
}
