import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Charts } from '../../src/ports/charts.ts';

export interface ChartsSubject extends AsyncDisposable {
  readonly charts: Charts;
  /** A repository that has chart `shop` in version 1.2.3 alone, and one where nobody listens. */
  readonly repository: string;
  readonly silent: string;
}

/** What every `Charts` does, the fake and the real one alike. */
export function describeCharts(name: string, open: () => Promise<ChartsSubject>): void {
  describe(`Charts contract: ${name}`, { timeout: 60_000 }, () => {
    let subject: ChartsSubject;
    const find = async (chart: string, version: string, repository = subject.repository) =>
      await subject.charts.find({ repository, name: chart, version }, AbortSignal.timeout(50_000));

    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    afterAll(async () => subject[Symbol.asyncDispose]());

    it('finds a version that is there, with its digest', async () => {
      expect(await find('shop', '1.2.3')).toEqual({ state: 'there', digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    });

    it.each([
      ['shop', '1.2.4'],
      ['cart', '1.2.3'],
    ])('tells that %s %s is not there', async (chart, version) => {
      expect(await find(chart, version)).toMatchObject({ state: 'absent', reason: expect.stringContaining(version) });
    });

    it('does not take silence for absence', async () => {
      expect(await find('shop', '1.2.3', subject.silent)).toMatchObject({ state: 'unknown', reason: expect.stringContaining('does not answer') });
    });

    it('stops at the signal', async () => {
      await expect(subject.charts.find({ repository: subject.repository, name: 'shop', version: '1.2.3' }, AbortSignal.abort())).rejects.toMatchObject({
        code: 'CANCELLED',
      });
    });
  });
}
