import { runStaticChecks } from './static-checks.ts';

/** `npm run check`: all checks that need no server. Ends with 1 when one fails. */
const { passed, failed } = await runStaticChecks((text) => process.stdout.write(text));
console.log(`${passed} passed, ${failed.length} failed`);
if (failed.length > 0) process.exitCode = 1;
