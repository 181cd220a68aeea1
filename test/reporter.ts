/**
 * Mocha's own spec output, ended by one line that says how many tests passed. Mocha's summary alone
 * ("12 passing") is followed by the failures, so the count would not be the last thing on the screen.
 */
import mocha from 'mocha';

export default class Reporter extends mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue();
    const { passes, failures, pending } = this.stats;
    process.stdout.write(`${passes} passed, ${failures} failed, ${pending} skipped\n`);
  }
}
