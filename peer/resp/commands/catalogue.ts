/**
 * The commands that are served, as COMMAND tells them: names, arity, flags and key positions are those of Redis 7, so that
 * clients which ask treat them as they do there.
 */
import { ALL_KEYS, type CommandInfo, type KeyPositions, NO_KEYS, ONE_KEY, PAIRS } from './command.js';

const KEYS: Readonly<Record<string, KeyPositions>> = {
  none: NO_KEYS,
  one: ONE_KEY,
  all: ALL_KEYS,
  pairs: PAIRS,
};

/** Name | arity | flags | keys | group | the version that brought it | what it does. */
const LINES = `
get | 2 | readonly fast | one | string | 1.0.0 | Get the value of a key
set | -3 | write denyoom | one | string | 1.0.0 | Set the string value of a key
setnx | 3 | write denyoom fast | one | string | 1.0.0 | Set the value of a key, only if the key does not exist
setex | 4 | write denyoom | one | string | 2.0.0 | Set the value and expiration of a key
psetex | 4 | write denyoom | one | string | 2.6.0 | Set the value and expiration in milliseconds of a key
getset | 3 | write denyoom fast | one | string | 1.0.0 | Set the string value of a key and return its old value
getdel | 2 | write fast | one | string | 6.2.0 | Get the value of a key and delete the key
getex | -2 | write fast | one | string | 6.2.0 | Get the value of a key and optionally set its expiration
mget | -2 | readonly fast | all | string | 1.0.0 | Get the values of all the given keys
mset | -3 | write denyoom | pairs | string | 1.0.1 | Set multiple keys to multiple values
msetnx | -3 | write denyoom | pairs | string | 1.0.1 | Set multiple keys to multiple values, only if none of the keys exist
del | -2 | write | all | generic | 1.0.0 | Delete a key
unlink | -2 | write fast | all | generic | 4.0.0 | Delete a key
exists | -2 | readonly fast | all | generic | 1.0.0 | Determine if a key exists
touch | -2 | readonly fast | all | generic | 3.2.1 | Count the keys that exist
type | 2 | readonly fast | one | generic | 1.0.0 | Determine the type stored at key
strlen | 2 | readonly fast | one | string | 2.2.0 | Get the length of the value stored in a key
append | 3 | write denyoom fast | one | string | 2.0.0 | Append a value to a key
getrange | 4 | readonly | one | string | 2.4.0 | Get a substring of the string stored at a key
substr | 4 | readonly | one | string | 1.0.0 | Get a substring of the string stored at a key
setrange | 4 | write denyoom | one | string | 2.2.0 | Overwrite part of a string at key starting at the specified offset
incr | 2 | write denyoom fast | one | string | 1.0.0 | Increment the integer value of a key by one
incrby | 3 | write denyoom fast | one | string | 1.0.0 | Increment the integer value of a key by the given amount
decr | 2 | write denyoom fast | one | string | 1.0.0 | Decrement the integer value of a key by one
decrby | 3 | write denyoom fast | one | string | 1.0.0 | Decrement the integer value of a key by the given number
incrbyfloat | 3 | write denyoom fast | one | string | 2.6.0 | Increment the float value of a key by the given amount
expire | -3 | write fast | one | generic | 1.0.0 | Set a key's time to live in seconds
pexpire | -3 | write fast | one | generic | 2.6.0 | Set a key's time to live in milliseconds
expireat | -3 | write fast | one | generic | 1.2.0 | Set the expiration for a key as a UNIX timestamp
pexpireat | -3 | write fast | one | generic | 2.6.0 | Set the expiration for a key as a UNIX timestamp specified in milliseconds
expiretime | 2 | readonly fast | one | generic | 7.0.0 | Get the expiration Unix timestamp for a key
pexpiretime | 2 | readonly fast | one | generic | 7.0.0 | Get the expiration Unix timestamp for a key in milliseconds
ttl | 2 | readonly fast | one | generic | 1.0.0 | Get the time to live for a key in seconds
pttl | 2 | readonly fast | one | generic | 2.6.0 | Get the time to live for a key in milliseconds
persist | 2 | write fast | one | generic | 2.2.0 | Remove the expiration from a key
scan | -2 | readonly | none | generic | 2.8.0 | Incrementally iterate the keys space
keys | 2 | readonly | none | generic | 1.0.0 | Find all keys matching the given pattern
randomkey | 1 | readonly | none | generic | 1.0.0 | Return a random key from the keyspace
dbsize | 1 | readonly fast | none | server | 1.0.0 | Return the number of keys in the selected database
flushdb | -1 | write | none | server | 1.0.0 | Remove all keys from the current database
flushall | -1 | write | none | server | 1.0.0 | Remove all keys from all databases
wait | 3 | noscript | none | generic | 3.0.0 | Wait for the replication of all write commands of the current connection
ping | -1 | fast | none | connection | 1.0.0 | Ping the server
echo | 2 | loading stale fast | none | connection | 1.0.0 | Echo the given string
hello | -1 | noscript loading stale fast no_auth allow_busy | none | connection | 6.0.0 | Handshake with Redis
auth | -2 | noscript loading stale fast no_auth allow_busy | none | connection | 1.0.0 | Authenticate to the server
client | -2 |  | none | connection | 2.4.0 | A container for client connection commands
config | -2 |  | none | server | 2.0.0 | A container for server configuration commands
select | 2 | loading stale fast | none | connection | 1.0.0 | Change the selected database for the current connection
info | -1 | loading stale | none | server | 1.0.0 | Get information and statistics about the server
time | 1 | loading stale fast | none | server | 2.6.0 | Return the current server time
reset | 1 | noscript loading stale fast no_auth allow_busy | none | connection | 6.2.0 | Reset the connection
quit | -1 | noscript loading stale fast no_auth allow_busy | none | connection | 1.0.0 | Close the connection
multi | 1 | noscript loading stale fast allow_busy | none | transactions | 1.2.0 | Mark the start of a transaction block
exec | 1 | noscript loading stale skip_slowlog | none | transactions | 1.2.0 | Execute all commands issued after MULTI
discard | 1 | noscript loading stale fast allow_busy | none | transactions | 2.0.0 | Discard all commands issued after MULTI
watch | -2 | noscript loading stale fast allow_busy | all | transactions | 2.2.0 | Watch the given keys to determine execution of the MULTI/EXEC block
unwatch | 1 | noscript loading stale fast allow_busy | none | transactions | 2.2.0 | Forget about all watched keys
cluster | -2 |  | none | cluster | 3.0.0 | A container for cluster commands
command | -1 | loading stale | none | server | 2.8.13 | Get array of Redis command details
readonly | 1 | loading stale fast | none | cluster | 3.0.0 | Enables read queries for a connection to a cluster replica node
readwrite | 1 | loading stale fast | none | cluster | 3.0.0 | Disables read queries for a connection to a cluster replica node
asking | 1 | fast | none | cluster | 3.0.0 | Sent by cluster clients after an -ASK redirect
host: | -1 | loading stale no_auth | none | connection | 2.8.0 | Close the connection
post | -1 | loading stale no_auth | none | connection | 2.8.0 | Close the connection
`;

/** Every command. */
export const CATALOGUE: readonly CommandInfo[] = LINES.trim().split('\n').map(infoOf);

function infoOf(line: string): CommandInfo {
  const [name, arity, flags, keys, group, since, summary] = line.split('|').map((part) => part.trim());
  const positions = KEYS[keys as string];
  if (name === undefined || positions === undefined || summary === undefined) {
    throw new Error(`a line of the catalogue is not as it should be: ${line}`);
  }
  return {
    name,
    arity: Number(arity),
    flags: flags === '' || flags === undefined ? [] : flags.split(' '),
    keys: positions,
    group: group as string,
    since: since as string,
    summary,
  };
}
