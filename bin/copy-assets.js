/** Part of `npm run build`: copies what the sources read at run time and the compiler does not (YAML, Go modules, JSON Schemas) from `src/` to `dist/`. */
import { cp } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

const NOT_ASSETS = new Set(['.ts', '.md']);

await cp(fileURLToPath(new URL('../src', import.meta.url)), fileURLToPath(new URL('../dist', import.meta.url)), {
  recursive: true,
  filter: (path) => !NOT_ASSETS.has(extname(path)),
});
