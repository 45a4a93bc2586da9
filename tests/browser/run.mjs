// Runs all files. Those that mostly wait go two at a time; those that measure times or fill the machine go one after the other.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

/** They ask whether something comes, not how soon, and leave most of a core to the one beside. */
const BESIDE = [
  'admin', 'blocked', 'chat', 'everyday', 'interop', 'later', 'look', 'moderation', 'net-test', 'notices', 'openapi', 'page', 'privacy',
  'regions', 'search', 'sign-ins', 'words', 'xss',
].map((name) => `${name}.test.mjs`);

const folder = import.meta.dirname;
const all = readdirSync(folder).filter((name) => name.endsWith('.test.mjs'));
const unknown = BESIDE.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new Error(`no such files: ${unknown}`);

function run(files, atOnce) {
  const { status } = spawnSync(process.execPath, ['--test', `--test-concurrency=${atOnce}`, '--test-reporter=spec', ...files], { cwd: folder, stdio: 'inherit' });
  return status === 0;
}

const passed = [run(BESIDE, 2), run(all.filter((name) => !BESIDE.includes(name)), 1)];
process.exitCode = passed.every(Boolean) ? 0 : 1;
