import { describeCharts } from '../../contract/charts.ts';
import { FakeCharts } from '../../fakes/fake-charts.ts';

const repository = 'https://charts.invalid';

describeCharts('fake', async () => ({
  charts: new FakeCharts({ [repository]: { 'shop 1.2.3': `sha256:${'a'.repeat(64)}` } }),
  repository,
  silent: 'https://silent.invalid',
  [Symbol.asyncDispose]: async () => undefined,
}));
