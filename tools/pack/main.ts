/**
 * npm run pack -- --checkpoint <folder> --out <folder> [options]
 *
 * Builds a pack (docs/pack-format.md) from a checkpoint folder; docs/realrestorer-pack.md tells how for RealRestorer.
 * Progress goes to stderr.
 */
import { readArguments } from './arguments.ts';
import { buildFrom, prepare } from './build.ts';
import { openBundle } from './bundle.ts';
import { describe } from './dry-run.ts';

const log = (line: string) => console.error(line);

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  const bundle = await openBundle(args.checkpoint, args.overrides);
  try {
    for (const note of bundle.notes) log(note);
    const options = args.options(bundle);
    if (args.dryRun) {
      for (const line of describe(prepare(bundle, options), options.out, args.threads)) console.log(line);
      return;
    }
    const { manifest } = await buildFrom(bundle, options, log);
    if (!manifest.parts.includes('text')) {
      log('The pack has no text part yet: the app refuses to run it until it has one.');
    }
  } finally {
    await bundle.source.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
