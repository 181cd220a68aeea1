/** Errors that many commands answer, in the words of Redis 7. */
import { failure, type Reply } from './replies.js';

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
  const name = given.toString('latin1').slice(0, 128);
  return failure(`ERR unknown subcommand '${name}'. Try ${command.toUpperCase()} HELP.`);
}
