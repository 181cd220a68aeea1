/** Logs: readable lines in a terminal, JSON anywhere else. */
import { type Logger, pino } from 'pino';
import { PinoPretty } from 'pino-pretty';

export type { Logger };

/** A logger that writes to standard output, each line with the process's name. */
export function createLogger(name: string, level: string, inTerminal: boolean): Logger {
  const options = { name, level, base: { name }, redact: ['secret', 'authorization', '*.authorization'] };
  if (!inTerminal) return pino(options);
  return pino(
    options,
    PinoPretty({ translateTime: 'SYS:HH:MM:ss.l', ignore: 'name', messageFormat: `${name}  {msg}` }),
  );
}
