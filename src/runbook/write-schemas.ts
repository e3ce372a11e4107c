// Writes the JSON Schema files beside this script: `node src/runbook/write-schemas.ts`.
import { writeFile } from 'node:fs/promises';
import { jsonSchemaFiles } from './json-schemas.ts';

for (const [name, text] of Object.entries(jsonSchemaFiles())) await writeFile(new URL(`schemas/${name}`, import.meta.url), text);
