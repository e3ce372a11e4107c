import type { TakenBaseline } from '../operations/baseline.ts';
import { textTable } from './text-table.ts';

/** Writes for people what a baseline holds and where it is; the file has all of it. */
export function baselineView({ baseline, location, key }: TakenBaseline): string {
  const { facts, api, health, certificates, findings } = baseline;
  const good = health.filter(({ failure }) => failure === undefined).length;
  const rows = [
    ['nodes', `${facts.nodes.length}, ${facts.nodes.filter(({ isReady }) => isReady).length} ready`],
    ['services', `${facts.services.length}, ${facts.services.filter(({ phase }) => phase === 'Ready').length} Ready`],
    ['agreements', String(facts.agreements.length)],
    ['health answers', `${good} of ${health.length}`],
    ['images', `${facts.images.length}, ${facts.images.filter(({ digests }) => digests.length > 0).length} with digest`],
    ['charts', String(facts.charts.length)],
    ['backup locations', facts.stores.map(({ name }) => name).join(', ')],
    ['certificates', String(certificates.length)],
  ];
  const head = `baseline of ${baseline.cluster} at ${baseline.takenAt}: ${api.server}, ${api.version}\n\n`;
  return `${head}${textTable(rows)}\n${findings.map((finding) => `not known: ${finding}\n`).join('')}kept: ${location}/${key}\n`;
}
