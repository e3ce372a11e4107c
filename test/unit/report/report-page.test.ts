import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type RunArchive, readArchive } from '../../../src/operations/run-archive.ts';
import { type RunReport, reportArchive } from '../../../src/operations/run-report.ts';
import { html, jsonData } from '../../../src/report/html/markup.ts';
import { reportPage } from '../../../src/report/html/report-page.ts';
import { TimeScale } from '../../../src/report/html/time-scale.ts';
import { playStory } from './story.ts';

let archive: RunArchive;
let report: RunReport;
let page: string;

beforeAll(async () => {
  const { bench, run } = await playStory();
  archive = await readArchive(bench.store, run);
  report = await reportArchive(archive);
  page = reportPage({ report, archive, generator: '1.0.0' });
});

describe('markup', () => {
  it('escapes every value, in text and in attributes, and nothing that is markup', () => {
    const text = '<img src="x" onerror=\'alert(1)\'>&';
    expect(html`<p title="${text}">${[text, html`<b>${1}</b>`]}${undefined}</p>`.text).toBe(
      '<p title="&lt;img src=&quot;x&quot; onerror=&#39;alert(1)&#39;&gt;&amp;">&lt;img src=&quot;x&quot; onerror=&#39;alert(1)&#39;&gt;&amp;<b>1</b></p>',
    );
  });

  it('shows what would hide or turn text', () => {
    expect(html`${'a\u202eb\u0000c\u001b[31m\td'}`.text).toBe('a\ufffdb\ufffdc\ufffd[31m\td');
  });

  it('keeps data in its element and reads back the same', () => {
    const value = { a: '</script><!--\u2028\u2029' };
    const { text } = jsonData(value);
    expect(text).not.toContain('<');
    expect(JSON.parse(text)).toEqual(value);
  });
});

describe('report page', () => {
  it('loads nothing and executes nothing', () => {
    const tags = [...page.matchAll(/<(script|link|img|iframe|object|embed|base|form|meta|style)\b[^>]*>/g)].map(([tag]) => tag);
    expect(tags.filter((tag) => tag.startsWith('<script'))).toEqual([
      '<script type="application/json" id="report">',
      '<script type="application/json" id="record-data">',
    ]);
    expect(tags.filter((tag) => !/^<(script|meta|style)/.test(tag))).toEqual([]);
    expect(page).toContain("default-src 'none'");
    const visible = [...page.slice(0, page.indexOf('<script')).matchAll(/<[^>]+>/g)].map(([tag]) => tag);
    expect(visible.length).toBeGreaterThan(100);
    expect(visible.filter((tag) => /\son[a-z]+=/i.test(tag.replaceAll(/"[^"]*"/g, '""')) || /(?:src|href)="(?!#)/.test(tag))).toEqual([]);
    expect(page.slice(0, page.indexOf('<script'))).not.toMatch(/url\((?!#)|@import|https?:/);
  });

  it('lets no name out of its place', () => {
    expect(page).not.toContain('<img');
    expect(page).toContain('&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;');
    expect(page.match(/<\/script>/g)).toHaveLength(2);
  });

  it('says how it came out, who ran it, and that the objective was missed', () => {
    expect(page).toContain('<title>east: recovered and verified, objective missed');
    expect(page).toContain('ops on here, ann on there');
    expect(page).toMatch(/recovery time: .*MISSED/);
  });

  it('draws every step that ran, the wait, the failure, the critical path and those who resumed', () => {
    const drawing = page.slice(page.indexOf('<svg class="timeline"'), page.indexOf('</svg>', page.indexOf('<svg class="timeline"')));
    expect(drawing.match(/class="row/g)).toHaveLength(report.steps.filter(({ startedAt }) => startedAt !== undefined).length);
    expect(drawing.match(/class="row critical"/g)).toHaveLength(report.criticalPath.length);
    expect(drawing.match(/class="resume"/g)).toHaveLength(2);
    expect(drawing.match(/class="failure"/g)).toHaveLength(1);
    expect(drawing).toContain('class="wait"');
  });

  /** The cells of a part's tables, and what its folded parts say, as text. */
  const textOf = (id: string): string => {
    const from = page.indexOf(`<section id="${id}"`);
    return page
      .slice(from, page.indexOf('</section>', from))
      .replaceAll(/<\/(?:td|th|dt|dd|li|p|h3|summary|pre)>/g, ' | ')
      .replaceAll(/<[^>]+>/g, '')
      .replaceAll(/\s+/g, ' ');
  };

  it('says of each phase how it came out, how many steps it has, after what time it began and how long it took', () => {
    expect(report.phases.map(({ phase }) => phase)).toEqual(['fence', 'cluster', 'data', 'health', 'dns']);
    const text = textOf('time');
    for (const { phase, state, steps, elapsedMs } of report.phases) {
      expect(elapsedMs).toBeGreaterThan(0);
      expect(text).toMatch(new RegExp(`\\| ${phase} \\| ${state} \\| ${steps} \\| [^|]+ \\| [^|]*\\d[^|]* \\|`));
    }
  });

  it('lists what is put aside, by which step, since when, and when it may be released', () => {
    const [hold] = report.holds;
    expect(textOf('holds')).toContain(`is ReadOnly | aside | ${hold?.heldAt} | verified |`);
    expect(textOf('holds')).toContain('Nothing was released.');
  });

  it('says of each decision who, what, how, in which words and bound to what', () => {
    const text = textOf('decisions');
    expect(report.decisions.map(({ step, decision, how }) => [step, decision, how])).toEqual([
      ['fence', 'attested', 'flag'],
      ['cutover', 'approved', 'flag'],
    ]);
    expect(text).toContain('In their words | I have seen its machines powered off |');
    expect(text).toContain('not signed: nothing but the account name says who it was');
    const bound = report.decisions.flatMap(({ asked }) => (asked === undefined ? [] : [asked.shown]));
    expect(bound.length).toBeGreaterThan(0);
    for (const shown of bound) expect(text).toContain(`Bound to | ${shown} |`);
  });

  it('has of each step its times, and of one that failed once why', () => {
    const text = textOf('steps');
    for (const { id, startedAt, endedAt } of report.steps) {
      expect(text).toContain(` ${id} `);
      if (startedAt !== undefined) expect(text).toContain(`Ran | ${startedAt} to ${endedAt}`);
    }
    expect(text).toContain('no &lt;b&gt;good&lt;/b&gt; backup');
  });

  it('has headings in order, a landmark for each part, and a text for each drawing', () => {
    const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    for (const [index, level] of levels.entries()) if (index > 0) expect(level - (levels[index - 1] ?? 1)).toBeLessThanOrEqual(1);
    for (const tag of ['<header>', '<nav aria-label', '<main>', '<footer>', 'lang="en"']) expect(page).toContain(tag);
    for (const [svg] of page.matchAll(/<svg[^>]*>/g)) expect(svg).toMatch(/aria-label="[^"]+"|aria-hidden="true"/);
  });

  it('has a target for every link', () => {
    const targets = new Set([...page.matchAll(/\sid="([^"]+)"/g)].map(([, target]) => target));
    const links = [...page.matchAll(/href="#([^"]+)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((link) => !targets.has(link))).toEqual([]);
  });

  it('carries the record it was made from: the same report comes out of it', async () => {
    const data = /id="record-data">(.*?)<\/script>/s.exec(page)?.[1] ?? '';
    const carried = (JSON.parse(data) as { archive: RunArchive }).archive;
    expect(await reportArchive(carried)).toEqual(report);
  });

  it('is the same every time', () => {
    expect(reportPage({ report, archive, generator: '1.0.0' })).toBe(page);
  });

  it('is checked by the program that it shows, with the digests that it names', ({ skip }) => {
    const program = /<pre>(import hashlib.*?)<\/pre>/s.exec(page)?.[1] ?? '';
    const plain = program.replaceAll('&quot;', '"').replaceAll('&gt;', '>').replaceAll('&lt;', '<').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
    const folder = mkdtempSync(join(tmpdir(), 'lattice-dr-page-'));
    writeFileSync(join(folder, 'check.py'), plain);
    writeFileSync(join(folder, 'page.html'), page);
    let said: string;
    try {
      said = execFileSync('python3', [join(folder, 'check.py'), join(folder, 'page.html')], { encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      skip('python3 is not installed');
      return;
    }
    const [text = ''] = Object.values(archive.files);
    expect(said).toBe(`runs/${report.run}/run.json sha256:${hash('sha256', text)}\n${report.journal.lines} lines, last ${report.journal.end}\n`);
    expect(report.journal.frozen).toBe(`sha256:${hash('sha256', text)}`);
  });
});

describe('time scale', () => {
  const owner = (at: number, until: number) => ({
    at: new Date(at).toISOString(),
    until: new Date(until).toISOString(),
    user: 'u',
    host: 'h',
    pid: 1,
    tool: '1',
    purpose: 'run' as const,
  });

  it('is even without interruption', () => {
    const scale = new TimeScale([owner(0, 1_000)], { start: 0, end: 1_000 });
    expect([0, 250, 1_000].map((at) => scale.percent(at))).toEqual([0, 25, 100]);
    expect(scale.ticks().map(({ afterMs }) => afterMs)).toEqual([0, 200, 400, 600, 800, 1_000]);
    expect(scale.breaks).toEqual([]);
  });

  it('draws a night between two owners short, and keeps the order', () => {
    const scale = new TimeScale([owner(0, 1_000), owner(1_000_000, 1_001_000)], { start: 0, end: 1_001_000 });
    expect(scale.percent(1_000)).toBeCloseTo(100 / 2.08, 1);
    expect(scale.percent(1_000_000) - scale.percent(1_000)).toBeLessThan(5);
    expect(scale.percent(1_001_000)).toBe(100);
    expect(scale.breaks).toEqual([expect.objectContaining({ ms: 999_000 })]);
  });

  it('holds what lies outside at the edges', () => {
    const scale = new TimeScale([owner(0, 10)], { start: 0, end: 10 });
    expect([scale.percent(-5), scale.percent(50)]).toEqual([0, 100]);
  });
});
