#!/usr/bin/env node
/** The orchestrator as a process: arguments, environment, signals, exit codes. */
import { systemClock } from '../common/clock.js';
import { createLogger, type Logger } from '../common/log.js';
import { helpText, OptionError } from '../common/options.js';
import { Program } from '../common/process.js';
import { type Orchestrator, startOrchestrator } from './orchestrator.js';
import { RegisterFileError } from './register-file.js';
import { type OrchestratorSettings, orchestratorOptions, readOrchestratorSettings } from './settings.js';

/** A stop in order takes less; past it the process is ended. */
const STOP_MS = 3_000;

const program = new Program('covey-orchestrator', process);

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    process.stdout.write(helpText('Usage: covey-orchestrator [options]', orchestratorOptions));
    return;
  }
  const settings = readSettings(args);
  const log = createLogger('orchestrator', settings.logLevel, process.stdout.isTTY);
  if (settings.secret === null) {
    log.warn(
      'no secret: serves this machine only, and trusts whoever is on it (--secret-file or COVEY_SECRET)',
    );
  }
  if (settings.data === null) {
    log.warn('no data folder: after a restart, what peers know is all there is to go on from (--data)');
  }
  const orchestrator = await start(settings, log);
  program.stopOnSignal(() => orchestrator.stop(), STOP_MS, log);
}

function readSettings(args: readonly string[]): OrchestratorSettings {
  try {
    return readOrchestratorSettings(args, process.env);
  } catch (error) {
    if (error instanceof OptionError) return program.exit(2, error.message);
    throw error;
  }
}

async function start(settings: OrchestratorSettings, log: Logger): Promise<Orchestrator> {
  try {
    return await startOrchestrator({ ...settings, repairAfterMs: settings.repairAfter }, systemClock, log);
  } catch (error) {
    if (error instanceof RegisterFileError) return program.exit(1, error.message);
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== 'listen' && code !== 'ENOTFOUND') throw error;
    const why = code === 'EADDRINUSE' ? `port ${settings.port} is taken` : message;
    return program.exit(1, `cannot listen: ${why}; free it, or choose another with --port`);
  }
}

await main();
